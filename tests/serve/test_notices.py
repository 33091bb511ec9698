"""Tests of `infmap.serve.notices`."""

from __future__ import annotations

import asyncio
import threading

from infmap.serve.notices import Notices


def test_followers_are_woken_by_their_own_jobs_from_any_thread() -> None:
    async def follow() -> None:
        notices = Notices()
        with notices.following("a") as one, notices.following("b") as other:
            assert len(notices) == 2
            teller = threading.Thread(target=notices.changed, args=(["a", "c"],))
            teller.start()
            assert await one.news(60)
            teller.join()
            assert not await other.news(0)
            assert not await one.news(0)  # told once
        assert len(notices) == 0
        notices.changed(["a"])  # nobody is left

    asyncio.run(follow())


def test_news_while_a_follower_is_busy_is_not_missed() -> None:
    async def follow() -> None:
        notices = Notices()
        with notices.following("a") as one:
            notices.changed(["a"])
            await asyncio.sleep(0)
            assert await one.news(0)

    asyncio.run(follow())


def test_the_end_wakes_everybody_and_keeps_nobody() -> None:
    async def follow() -> None:
        notices = Notices()
        with notices.following("a") as one:
            waiting = asyncio.ensure_future(one.news(60))
            await asyncio.sleep(0)
            notices.stop()
            await waiting
            assert one.stopping
            assert not await one.news(60)
        with notices.following("b") as late:
            assert late.stopping

    asyncio.run(follow())


def test_a_follower_whose_loop_has_ended_is_passed_over() -> None:
    notices, kept = Notices(), []

    async def follow() -> None:
        kept.append(notices.following("a"))
        kept[0].__enter__()

    asyncio.run(follow())
    notices.changed(["a"])

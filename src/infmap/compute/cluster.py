"""Joining a Ray cluster."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from infmap.core.errors import UsageError, needs_extra


def require_ray(verb: str, *modules: str) -> ModuleType:
    """Ray, without its usage statistics.

    Args:
        verb: for messages.
        modules: of Ray, to import as well, such as "ray.data".

    Raises:
        MissingExtra: it is not installed.
    """
    # Nothing about a hospital's machines leaves them.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    with needs_extra(f"{verb} --on ray", "scale"):
        ray = importlib.import_module("ray")
        for module in modules:
            importlib.import_module(module)
    return ray


def join_cluster(on: str, verb: str, *modules: str) -> tuple[ModuleType, bool]:
    """Join a cluster, unless this process is in one already.

    Args:
        on: "ray" for the cluster that RAY_ADDRESS names, or else a new one that listens on
            127.0.0.1 alone; "ray://HOST:PORT" for a cluster's client port.
        verb: for messages.
        modules: of Ray, to import as well.

    Returns:
        Ray, and whether this call joined: who joined leaves.

    Raises:
        MissingExtra: Ray is not installed.
        UsageError: no cluster answers.
    """
    ray = require_ray(verb, *modules)
    if ray.is_initialized():
        return ray, False
    place: dict[str, str | bool] = {} if on == "ray" else {"address": on}
    if on == "ray" and "RAY_ADDRESS" not in os.environ:
        # A cluster of this process alone, and no port that others on the network could reach.
        place = {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
    try:
        ray.init(**place, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(f"--on {on}: no Ray cluster answers ({first})") from error
    return ray, True

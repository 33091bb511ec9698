"""Joining a Ray cluster."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from infmap.core.errors import UsageError, needs_extra

PATIENCE = {
    # Looks at a node, 3 s apart, before one that says nothing counts as dead; Ray itself takes 5.
    "RAY_health_check_failure_threshold": "100",
    # Seconds that Ray's processes wait for each other, and for a new worker; by themselves 60.
    "RAY_gcs_rpc_server_connect_timeout_s": "600",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
    "RAY_gcs_server_request_timeout_seconds": "600",
    "RAY_worker_register_timeout_seconds": "600",
}
"""Ray's settings, by the environment, of a cluster on one machine: where that is busy with other
work a process may get no time for a minute, and is not dead. A worker that ends is known at once.
"""


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
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
    try:
        ray.init(**place, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(f"--on {on}: no Ray cluster answers ({first})") from error
    return ray, True

"""Every test runs offline, draws nothing on a screen, and may take its time to be drawn."""

import logging
import os
import socket

import pytest
from hypothesis import settings

os.environ.update(MPLBACKEND="Agg", HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", NO_COLOR="1")

settings.register_profile("seewhy", deadline=None, derandomize=True)
settings.load_profile("seewhy")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Sockets reach other processes of this machine at most."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX:
            raise AssertionError(f"a test wants to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _own_logging():
    """What a command sets up for its messages ends with its test."""
    log = logging.getLogger("seewhy")
    handlers, level = list(log.handlers), log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)

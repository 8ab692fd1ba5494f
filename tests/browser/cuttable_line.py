"""A line to the server that a test can cut: a TCP proxy.

Chromium's own offline mode leaves open sockets alone; a real cut does not.
"""

from __future__ import annotations

import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: closing resets the connection


class CuttableLine:
    """Forwards bytes between its own port and the server's, until it is cut."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._is_cut = False
        self._is_mute = False
        threading.Thread(target=self._accept, daemon=True).start()

    def mute(self) -> None:
        """Swallow whatever the server says from now on; what it is told still arrives."""
        self._is_mute = True

    def cut(self) -> None:
        """Break every connection, and every new one."""
        with self._lock:
            self._is_cut = True
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                _break(end)

    def mend(self) -> None:
        self._is_cut = self._is_mute = False

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        if self._is_cut:
            return _break(near)
        try:
            far = socket.create_connection(("127.0.0.1", self._server_port), 5)
            far.settimeout(None)
        except OSError:
            return _break(near)
        with self._lock:
            self._pairs.append((near, far))
        for ends in ((near, far, False), (far, near, True)):
            threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(65536):
                if not (is_answer and self._is_mute):
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def _break(end: socket.socket) -> None:
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()

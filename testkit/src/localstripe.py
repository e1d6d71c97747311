"""Starts localstripe for one test: on a free port of the loopback, told on the first line."""

import socket

from aiohttp import web
from localstripe.resources import Store
from localstripe.server import app

# What it knows dies with it; by itself it would write to a file that all its processes share.
Store.dump_to_disk = lambda store: None

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(128)
print(listener.getsockname()[1], flush=True)
web.run_app(app, sock=listener, print=None, access_log=None)

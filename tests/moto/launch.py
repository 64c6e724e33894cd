"""Starts moto's server for tests and demo: true to AWS where moto is not, and ending with whoever started it.

    launch.py [--logs-now 2026-11-22T00:00:00Z] [--tls FOLDER]

Prints {"port": N} once it takes connections on 127.0.0.1, with "tls_port" too where it does so by TLS, and ends when its standard input closes.
`aws_rules` puts right what moto gets wrong; `observer` is what tests look through.
"""

import argparse
import json
import logging
import os
import sys
import threading
import traceback
from datetime import datetime
from pathlib import Path

from flask import got_request_exception
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

import aws_rules
import certificates
import large_bodies
from observer import Observer


def end_with_parent() -> None:
    """Whoever started us holds the other end: it closes even when they are killed."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--logs-now",
        type=datetime.fromisoformat,
        help="the time by which CloudWatch Logs judges what is too old and too new; default: the clock",
    )
    parser.add_argument("--tls", type=Path, help="takes HTTPS, too: makes certificates and keys in this folder")
    arguments = parser.parse_args()

    aws_rules.apply(arguments.logs_now)
    large_bodies.apply()
    # Its line per request is noise; tests read the journal instead.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # A 500 of moto's own would otherwise leave no trace.
    got_request_exception.connect(lambda _, exception: traceback.print_exception(exception), weak=False)
    app = Observer(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    ready = {"port": server.port}
    if arguments.tls:
        certificates.write(arguments.tls)
        context = certificates.server_side(arguments.tls)
        secure = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=context)
        threading.Thread(target=secure.serve_forever, daemon=True).start()
        ready["tls_port"] = secure.port
    print(json.dumps(ready), flush=True)
    threading.Thread(target=end_with_parent, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()

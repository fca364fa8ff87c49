"""The preview stops quietly, whoever still looks."""

import threading
import time

import httpx

from preview_server import PreviewSettings, create_app, listen, server_of


def test_an_open_page_is_told_the_end_instead_of_being_cut_off(shop):
    bound = listen()
    server = server_of(create_app(shop, settings=PreviewSettings(workers=1, watch=False)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    address = f"http://127.0.0.1:{bound.getsockname()[1]}/events"
    with httpx.stream("GET", address, timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 500"
        server.should_exit = True
        assert [line for line in lines if line] == ['data: {"kind":"hello"}']
    thread.join(30)
    assert not thread.is_alive()

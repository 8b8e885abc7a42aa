"""Serving the demo: what ``byleave serve`` serves, with the demo's own pages and mail before it.

``python -m service.demo.serving`` is what ``byleave demo`` starts; ``byleave serve`` knows nothing of it.
"""

from service.app import House, assemble
from service.database import Database
from service.demo.doors import Demo, pages
from service.demo.mailbox import Mailbox
from service.entrance import Outside
from service.serving import harden_worker, serve
from service.settings import read_settings


def application() -> Demo:
    """Make the application in the demo's one worker process."""
    harden_worker()
    settings = read_settings()
    mailbox = Mailbox()
    database = Database(settings.database_url or "", settings.connections)
    house = House(database, settings.root_key_file).reaching(Outside(settings.portal_url, mailbox.server))
    return Demo(assemble(house, mailbox.listening), pages(house, mailbox))


if __name__ == "__main__":
    SETTINGS = read_settings()
    serve(SETTINGS, SETTINGS.database_url or "", "service.demo.serving:application")

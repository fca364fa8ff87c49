"""The web application that recipients and ESPs call: webhooks, unsubscribing, preferences, the mail in a
browser, click redirects and ``/healthz``. ``mailwright serve`` mounts it; triggers add their own routes.
"""

from send.pages.app import PageSettings, mail_app

__all__ = ["PageSettings", "mail_app"]

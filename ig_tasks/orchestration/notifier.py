"""A notifier that tells, by e-mail or webhook, which features a report is about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from airflow.sdk import BaseHook, BaseNotifier

from ig_tasks.errors import RunError, SpecError
from ig_tasks.orchestration.notification import MAIL, SUBJECT, WEBHOOK, escaped_for_webhooks, notification_fields

__all__ = ["FeatureReportNotifier"]

_TIMEOUT = 10.0
"""Seconds that a webhook may take."""


class FeatureReportNotifier(BaseNotifier):
    """Tells of a report: its state, the features it is about, why, and where its page is.

    For `on_failure_callback` and `on_success_callback` of tasks, `notifiers` of `ig_feature_validation_dag`, and
    callbacks of a DeadlineAlert. Addresses and secrets of the services come from Airflow Connections alone.

    Args:
        email_to: addresses.
        smtp_conn_id: the connection of the mail server.
        webhook_conn_id: a connection of type `http` whose host and password make the URL of a webhook that takes
            `{"text": ...}`, as Slack, Mattermost, Google Chat and Rocket.Chat do: host
            `https://hooks.slack.com/services`, password `T000/B000/XXX`.
        report: location of the report, a template; left out: the report of the task or of its run.
        only: ids of the tasks that it speaks for; left out: any.
        subject: a template of one's own; `feature_report` has name, partition, state, reason, features, findings,
            leading, page, is_web and run.
        mail: a template of one's own, of HTML.
        webhook: a template of one's own.
        context: Airflow's, where a notifier is awaited.

    Raises:
        SpecError: if there is no recipient.
    """

    template_fields = ("report", "email_to", "subject", "mail", "webhook")

    def __init__(
        self,
        *,
        email_to: str | Sequence[str] = (),
        smtp_conn_id: str = "smtp_default",
        webhook_conn_id: str | None = None,
        report: str | None = None,
        only: str | Sequence[str] = (),
        subject: str = SUBJECT,
        mail: str = MAIL,
        webhook: str = WEBHOOK,
        context: Any = None,
    ) -> None:
        super().__init__(context=context)
        self.email_to = [email_to] if isinstance(email_to, str) else list(email_to)
        self.smtp_conn_id, self.webhook_conn_id = smtp_conn_id, webhook_conn_id
        self.report, self.only = report, (only,) if isinstance(only, str) else tuple(only)
        self.subject, self.mail, self.webhook = subject, mail, webhook
        if not self.email_to and webhook_conn_id is None:
            raise SpecError("FeatureReportNotifier: nobody would be told; give email_to or webhook_conn_id")

    def __repr__(self) -> str:
        # Airflow keeps it with DAGs, and an address in memory would make each parse a new version.
        return f"FeatureReportNotifier(email_to={self.email_to}, webhook_conn_id={self.webhook_conn_id!r})"

    def __call__(self, *args: Any) -> None:
        """Tell, as `BaseNotifier` does; one notifier may be called again and again."""
        task_id = getattr(args[0].get("ti"), "task_id", None) if len(args) == 1 else None
        if self.only and task_id is not None and task_id not in self.only:
            return
        # Rendering changes a notifier for good.
        super(FeatureReportNotifier, copy(self)).__call__(*args)

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Fill in the templates, with what there is to tell."""
        env = jinja_env or self.get_template_env(dag=context.get("dag"))
        if self.report is not None:
            self.report = self.render_template(self.report, context, env)
        fields = notification_fields(context, self.report)
        for_mail: Any = {**context, "feature_report": fields}
        for_webhooks: Any = {**context, "feature_report": escaped_for_webhooks(fields)}
        self.email_to = self.render_template(self.email_to, for_mail, env)
        self.subject = " ".join(self.render_template(self.subject, for_mail, env).split())
        self.mail = self.render_template(self.mail, for_mail, env)
        self.webhook = self.render_template(self.webhook, for_webhooks, env)

    def notify(self, context: Any) -> None:  # noqa: ARG002 - Airflow's signature
        """Send what was rendered.

        Raises:
            RunError: if a service does not take it; without addresses and secrets.
        """
        if self.email_to:
            self._send_mail()
        if self.webhook_conn_id is not None:
            self._post(self.webhook_conn_id)

    async def async_notify(self, context: Any) -> None:
        """Send from the triggerer, as deadlines do."""
        import asyncio

        await asyncio.to_thread(self.notify, context)

    def _send_mail(self) -> None:
        from airflow.providers.smtp.hooks.smtp import SmtpHook

        with SmtpHook(smtp_conn_id=self.smtp_conn_id) as hook:
            hook.send_email_smtp(to=self.email_to, subject=self.subject, html_content=self.mail)

    def _post(self, conn_id: str) -> None:
        url = _url_of(conn_id)
        body = json.dumps({"text": self.webhook}).encode()
        request = Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310 - http(s) alone
        try:
            with urlopen(request, timeout=_TIMEOUT):  # noqa: S310 - checked in _url_of
                return
        except HTTPError as error:
            why = f"it answered {error.code}"
        except (URLError, OSError) as error:
            # The address is a secret, and some messages repeat it.
            why = f"it cannot be reached ({type(getattr(error, 'reason', error)).__name__})"
        raise RunError(f"connection {conn_id!r}: the webhook was not told; {why}")


def _url_of(conn_id: str) -> str:
    connection: Any = BaseHook.get_connection(conn_id)
    base = str(connection.host or "")
    if base and "://" not in base:
        base = f"{connection.schema or 'https'}://{base}{f':{connection.port}' if connection.port else ''}"
    secret = str(connection.password or "")
    url = f"{base.rstrip('/')}/{secret.lstrip('/')}" if base and secret else base or secret
    if urlsplit(url).scheme not in ("http", "https"):
        raise RunError(f"connection {conn_id!r}: its host is no address of the web; give it host and password")
    return url

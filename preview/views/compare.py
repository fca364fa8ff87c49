"""Two mails side by side with their differences: two profiles, two segments, two versions of a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mailwright.engine import Plan
from mailwright.errors import MailwrightError, UsageError
from mailwright.model.trace import Trace
from preview.compare import differing_blocks, differing_slots, differing_words
from preview.desk import View
from preview.display import for_display
from preview.finder import Among, some
from preview.guard import mail_policy
from preview.mail import Mail, make_mail
from preview.marked import marked_html
from preview.person import name_of
from preview.revision import commit_of, plan_at
from preview.sources import file_named
from preview.versions import files_offered, files_to_compare, plan_with_file
from preview.views.context import address, campaign_of, census_of, desk_of, look_of, paper_of, view_of

KINDS = ("profiles", "segments", "versions")


@dataclass(frozen=True)
class Version:
    """Which templates: those in use, those of a git revision, those with a file in the place of another."""

    revision: str = ""
    file: str = ""
    of: str = ""

    @property
    def text(self) -> str:
        """For the page: "at HEAD~1", "with drafts/cabin.mjml"."""
        return f"at {self.revision}" if self.revision else f"with {self.file}" if self.file else "now"


def compare(request: Request) -> Response:
    """The page. ``kind`` says what is compared: profiles ``a`` and ``b``, segments ``sa`` and ``sb``, or the
    mail of ``a`` with itself as of ``rev``, or with ``file`` in the place of the file ``of``. What cannot
    be is said at its field, and the page shows what it shows without it."""
    view = view_of(request)
    asked = dict(request.query_params)
    version = _version(request)
    kind = asked.get("kind") or ("versions" if version != Version() else "profiles")
    problems = dict(_problems(request, view, kind, version))
    usable = Version() if problems.keys() & {"rev", "file", "of"} else version
    left, right = _pair(request, view, kind, usable, {k: v for k, v in asked.items() if k not in problems})
    return paper_of(request).page(
        request,
        "compare.html",
        status=404 if problems else 200,
        active="campaigns",
        asked=asked,
        problems=problems,
        campaign=campaign_of(request),
        kind=kind if kind in KINDS else "profiles",
        sides=(left, right),
        version=version,
        segments=census_of(view).segments,
        files=files_offered(view.plan),
        turn=_turn(request),
        slots=differing_slots(left["trace"], right["trace"]),
        differs=differing_blocks(left["marked"], right["marked"]),
        words=differing_words(left["text"], right["text"]),
        same=left["bytes"] == right["bytes"],
        error=view.error,
    )


def _problems(
    request: Request, view: View, kind: str, version: Version
) -> Iterator[tuple[str, MailwrightError]]:
    """Field → what is wrong with what was typed there, of the fields that this kind reads."""
    for name in {"segments": ("sa", "sb"), "versions": ("a",)}.get(kind, ("a", "b")):
        if typed := request.query_params.get(name):
            try:
                if kind == "segments":
                    _member(view.plan, typed, _turn(request))
                else:
                    make_mail(view.plan, typed)
            except MailwrightError as error:
                yield name, error
    if kind == "versions" and version != Version():
        try:
            _plan_of(view, version)
        except MailwrightError as error:
            yield _field_of(view.plan, version), error


def _field_of(plan: Plan, version: Version) -> str:
    """Which field names the version that cannot be shown."""
    if version.revision:
        return "rev"
    try:
        file_named(plan.request.workspace.root, version.file)
    except UsageError:
        return "file" if version.file else "of"
    return "of" if version.of else "file"


def _pair(
    request: Request, view: View, kind: str, version: Version, asked: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both sides of the page."""
    now = Version()
    if kind == "segments":
        names = [share.name for share in census_of(view).segments if share.count]
        if not names:
            raise UsageError("no segment has a recipient: there is nothing to compare")
        chosen = [asked.get("sa") or names[0], asked.get("sb") or names[-1]]
        one, other = (_member(view.plan, name, _turn(request)) for name in chosen)
        return (
            _side(request, view, one, now, f"in {chosen[0]}"),
            _side(request, view, other, now, f"in {chosen[1]}"),
        )
    first = asked.get("a") or some(view.plan, _who_gets(view.plan, version), seed=1)
    first = first or some(view.plan, Among(), seed=1)
    if first is None:
        raise UsageError("nobody gets this campaign: there is nothing to compare")
    if kind == "versions":
        return (
            _side(request, view, first, now, now.text),
            _side(request, view, first, version, version.text if version != now else "now"),
        )
    second = asked.get("b") or some(view.plan, Among(), seed=2) or first
    return _side(request, view, first, now, ""), _side(request, view, second, now, "")


def _who_gets(plan: Plan, version: Version) -> Among:
    """Whoever gets the block whose place another file takes."""
    for slot in plan.compiled.compiled_slots.values():
        for block in slot.blocks:
            if version.of and block.at.file == version.of:
                return Among(slot=slot.name, block=block.name)
    return Among()


def _member(plan: Plan, segment: str, turn: int) -> str:
    """A recipient in the segment, another one at each turn."""
    found = some(plan, Among(segment=segment), seed=turn)
    if found is None:
        raise UsageError(f"nobody in {segment!r} gets this campaign", fix="choose another segment")
    return found


def frame(request: Request) -> Response:
    """One side's mail in its frame."""
    view = view_of(request)
    made = _made(request, view, request.query_params.get("id", ""), _version(request))
    html = marked_html(made.plan, made.row) or b"<p>There is no mail for this profile.</p>"
    shown = for_display(html, view.ground.source.assets, look_of(request))
    return HTMLResponse(shown, headers={"content-security-policy": mail_policy()})


def _side(request: Request, view: View, profile_id: str, version: Version, label: str) -> dict[str, Any]:
    made = _made(request, view, profile_id, version)
    result = made.made
    trace: Trace | None
    try:
        trace = made.trace()
    except MailwrightError:
        trace = None
    return {
        "profile_id": profile_id,
        "name": name_of(made.values),
        "label": label,
        "outside": made.outside,
        "subject": result["subject"] or "",
        "text": "\n".join((result["subject"] or "", result["preheader"] or "", "", result["text"] or "")),
        "bytes": result["html"],
        "marked": marked_html(made.plan, made.row),
        "trace": trace,
        "src": address(
            f"/c/{campaign_of(request)}/compare/frame",
            id=profile_id,
            rev=version.revision or None,
            file=version.file or None,
            of=version.of or None,
        ),
    }


def _made(request: Request, view: View, profile_id: str, version: Version) -> Mail:
    mask = desk_of(request).settings.mask
    if version == Version():
        return make_mail(view.plan, profile_id, mask=mask)
    return make_mail(_plan_of(view, version), profile_id, settled=False, mask=mask)


def _plan_of(view: View, version: Version) -> Plan:
    """Compiled once for each commit or pair of files while the plan stands."""
    plan = view.plan
    if version.revision:
        commit = commit_of(plan.request.workspace.root.resolve(), version.revision)
        key = f"revision {commit}"
        if key not in view.memo:
            view.memo[key] = plan_at(plan, commit)
    else:
        file, of = files_to_compare(plan, version.file, version.of)
        key = f"file {file.name} {file.path.stat().st_mtime_ns} {of.name}"
        if key not in view.memo:
            view.memo[key] = plan_with_file(plan, file, of)
    found: Plan = view.memo[key]
    return found


def _version(request: Request) -> Version:
    asked = request.query_params
    revision, file, of = (asked.get(name, "").strip() for name in ("rev", "file", "of"))
    return Version(revision, "" if revision else file, "" if revision else of)


def _turn(request: Request) -> int:
    turn = request.query_params.get("turn", "1")
    return int(turn) if turn.isdigit() and len(turn) < 9 else 1


ROUTES = [
    Route("/c/{campaign}/compare", compare),
    Route("/c/{campaign}/compare/frame", frame),
]

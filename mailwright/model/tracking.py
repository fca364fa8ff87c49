"""What is done to the links of a mail: parameters for the shop's statistics, and clicks counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import Field

from mailwright.model.spec import Spec

OWN_PAGES = ("/u/", "/p/", "/v/", "/c/")
"""The workspace's own pages below its ``base_url``: their links are signed, and left as they are."""


class LinkSpec(Spec):
    """Of ``mailwright.yaml``, and laid over by a campaign's own."""

    parameters: dict[str, str] = Field(default_factory=dict)
    """Added to every link that does not have them: ``utm_source: newsletter``. ``{campaign}`` in a value is
    the campaign's name."""
    domains: tuple[str, ...] = ()
    """The hosts whose links get them, with the hosts below; none named: every host."""
    clicks: bool | None = None
    """Whether a click goes by the workspace's own server, which counts it (``mailwright serve``)."""

    def under(self, campaign: LinkSpec | None) -> LinkSpec:
        """These with a campaign's own laid over them."""
        if campaign is None:
            return self
        return LinkSpec(
            parameters={**self.parameters, **campaign.parameters},
            domains=campaign.domains or self.domains,
            clicks=self.clicks if campaign.clicks is None else campaign.clicks,
        )


@dataclass(frozen=True)
class Tagger:
    """Writes the parameters of one campaign into links."""

    parameters: Mapping[str, str]
    domains: tuple[str, ...]
    clicks: bool
    base_url: str

    @staticmethod
    def of(spec: LinkSpec, campaign: str, base_url: str) -> Tagger | None:
        """The campaign's tagger; None when its links stay as they are."""
        given = {name: value.replace("{campaign}", campaign) for name, value in spec.parameters.items()}
        if not given and not spec.clicks:
            return None
        return Tagger(given, spec.domains, bool(spec.clicks), base_url.rstrip("/"))

    def follows(self, link: str) -> bool:
        """Whether it is a link to a web page, and not one of the workspace's own pages."""
        if not link[:8].lower().startswith(("http://", "https://")):
            return False
        return not any(link.startswith(f"{self.base_url}{page}") for page in OWN_PAGES)

    def tagged(self, link: str) -> str:
        """The link with the parameters that it lacks, before its fragment; others as they are."""
        if not self.parameters or not self.follows(link) or not self._is_ours(link):
            return link
        address, hash_, fragment = link.partition("#")
        _, asked, query = address.partition("?")
        has = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
        added = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}"
            for name, value in self.parameters.items()
            if name not in has
        )
        if not added:
            return link
        join = "?" if not asked else "" if not query or query.endswith("&") else "&"
        return f"{address}{join}{added}{hash_}{fragment}"

    def _is_ours(self, link: str) -> bool:
        if not self.domains:
            return True
        try:
            host = urlsplit(link).hostname or ""
        except ValueError:
            return False
        return any(host == domain or host.endswith(f".{domain}") for domain in self.domains)

"""A workspace of many profiles whose newsletter runs experiments."""

from __future__ import annotations

from pathlib import Path

from mailwright.workspace import create_workspace

PROFILES = 300

CAMPAIGN = """\
template: letter
subject: "Hello {{ first_name | fallback('you') }}"
preheader: Good things
audience: "TRUE"
purpose: newsletter
occasion: "first"
recommendations: { n: 3 }
values: { code: NONE }
"""

EXPERIMENTS = """\
experiments:
  subject:
    arms:
      plain: { share: 0.5 }
      short: { share: 0.5, subject: "New hats", preheader: Hats }
  offer:
    arms:
      none: {}
      ten: { values: { code: TEN } }
      layout: { template: other }
  picks:
    arms:
      personal: {}
      popular: { strategy: trending }
holdout: { share: 0.1 }
"""

LETTER = """\
<mjml><mj-body>
<mj-section><mj-column><mj-text>code {{ campaign.values.code }}</mj-text></mj-column></mj-section>
{% slot "hero" %}
<mj-section><mj-column><mj-text>
{% for item in recommendations %}{{ item.title }} {% endfor %}
<a href="{{ unsubscribe_url }}">no more</a></mj-text></mj-column></mj-section>
</mj-body></mjml>
"""

HERO = """\
---
slot: hero
{front}
---
<mj-section><mj-column><mj-text>hero {name}</mj-text></mj-column></mj-section>
"""


def write_shop(folder: Path, experiments: str = EXPERIMENTS) -> Path:
    """The workspace, whose campaign ``newsletter`` has these experiments."""
    create_workspace(folder)
    lines = ["profile_id,email,locale,consent,first_name,country,points"]
    lines += [f"p{n},p{n}@example.com,en,newsletter,Name{n},NO,{n}" for n in range(1, PROFILES + 1)]
    (folder / "data" / "profiles.csv").write_text("\n".join(lines) + "\n")
    for name, text in (("letter", LETTER), ("other", LETTER.replace(">code ", ">the other code "))):
        (folder / "templates" / name).mkdir(parents=True)
        (folder / "templates" / name / "template.mjml").write_text(text)
    write_hero(folder, "plain")
    (folder / "campaigns" / "newsletter.yaml").write_text(CAMPAIGN + experiments)
    return folder


def write_hero(folder: Path, name: str, front: str = "priority: 0") -> None:
    """A block of the slot hero."""
    path = folder / "blocks" / "hero" / f"{name}.mjml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HERO.format(front=front, name=name))

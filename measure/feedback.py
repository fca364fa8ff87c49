"""Opens and clicks as interactions, so that the next training and the features of profiles see them."""

from __future__ import annotations

import pyarrow as pa

from audience import arrow_schema
from mailwright.model.schema import INTERACTION_ATTRIBUTES
from measure.breakdown import link_clicks
from measure.facts import Question, facts_of

_INTERACTIONS = """
    WITH happened AS (
        SELECT DISTINCT ON (f.message_id, o.kind, o."at", o.url)
            f.profile_id, o.kind, o."at", CASE WHEN o.kind = 'clicked' THEN o.url END AS url
        FROM outcomes AS o JOIN facts AS f ON f.message_id = o.message_id
        WHERE o.kind IN ('opened', 'clicked', 'unsubscribed') AND o.machine IS NOT TRUE
            AND (o.kind <> 'opened' OR f.opened) AND (o.kind <> 'clicked' OR f.clicked)
            AND o."at" >= f."at" - getvariable('tolerance_us') AND o."at" <= getvariable('now_at')
    ), pages AS (
        SELECT link_of(url) AS link, min(item_id) AS item_id FROM items WHERE url IS NOT NULL GROUP BY ALL
    )
    SELECT h.profile_id, p.item_id, 'email_' || h.kind AS event, make_timestamp(h."at") AS "at",
        1::BIGINT AS quantity, NULL::DOUBLE AS amount
    FROM happened AS h LEFT JOIN pages AS p ON p.link = link_of(h.url)
    ORDER BY h.profile_id, h."at", event, p.item_id
"""


def outcome_interactions(question: Question) -> pa.Table:
    """What the recipients did, as interactions: ``email_opened``, ``email_clicked``, ``email_unsubscribed``.

    A delivery is no deed of theirs, and is left out: who is mailed would else seem to be there all the time.
    In the shape that ``audience`` gives interactions, sorted by profile and instant; a click on the page of
    an item of ``question.items`` carries the item. Machines' opens and clicks are left out, repeated webhooks
    are one, so the table may be made again and again and laid beside the workspace's own interactions.
    """
    with facts_of(question) as connection:
        link_clicks(connection)
        table = connection.sql(_INTERACTIONS).to_arrow_table()
    return table.cast(arrow_schema(INTERACTION_ATTRIBUTES))

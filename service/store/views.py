"""The documented views: the ledger as analysts read it, with the same columns on every database.

Money is whole minor units beside a currency, flags are 0 or 1, times are UTC: a timestamp on
PostgreSQL, text ``YYYY-MM-DD HH:MM:SS`` on SQLite; ``day`` and ``month`` are text on both. A view
holds no data, so all of them are made anew at each upgrade. `docs/ledger.md` says what each column
means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy import Connection, inspect, text

# How microseconds since 1970 are read: {at:x}, {day:x} and {month:x} of a column or expression x.
_TIMES: Mapping[str, Mapping[str, str]] = {
    "sqlite": {
        "at": "datetime(({0}) / 1000000, 'unixepoch')",
        "day": "date(({0}) / 1000000, 'unixepoch')",
        "month": "strftime('%Y-%m', ({0}) / 1000000, 'unixepoch')",
    },
    "postgresql": {
        "at": "to_timestamp(({0}) / 1000000)",
        "day": "to_char(to_timestamp(({0}) / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
        "month": "to_char(to_timestamp(({0}) / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM')",
    },
}
# A member of an event's properties: {told:name}, and {told_number:name} of a whole number.
_PROPERTIES: Mapping[str, Mapping[str, str]] = {
    "sqlite": {
        "told": "json_extract(e.properties, '$.{0}')",
        "told_number": "json_extract(e.properties, '$.{0}')",
    },
    "postgresql": {
        "told": "(e.properties ->> '{0}')",
        "told_number": "CAST(e.properties ->> '{0}' AS bigint)",
    },
}
_FEES: Mapping[str, str] = {
    "sqlite": """
        SELECT b.balance_transaction_id, CAST(f.key AS INTEGER) AS position,
          json_extract(f.value, '$.type') AS type, json_extract(f.value, '$.amount') AS amount,
          json_extract(f.value, '$.currency') AS currency,
          json_extract(f.value, '$.description') AS description
        FROM ledger_balance_transactions b, json_each(b.fee_details) f""",
    "postgresql": """
        SELECT b.balance_transaction_id, CAST(f.position - 1 AS integer) AS position,
          f.value ->> 'type' AS type, CAST(f.value ->> 'amount' AS bigint) AS amount,
          f.value ->> 'currency' AS currency, f.value ->> 'description' AS description
        FROM ledger_balance_transactions b,
          json_array_elements(b.fee_details) WITH ORDINALITY AS f(value, position)""",
}
# Whose a payment is: of a renewal that of the subscription it renews. Previews are nobody's.
_WHOSE = "o.customer, o.unit_id, o.experiment, o.variant"
_OF_PAYMENT = """
  LEFT JOIN payment_origins g ON g.payment_intent_id = {0}.payment_intent_id
  LEFT JOIN checkouts o ON o.checkout_id = g.origin_checkout_id AND NOT o.preview"""

# In an order in which each builds on those before it.
VIEWS: Mapping[str, str] = {
    "orders": """
        SELECT checkout_id, mode, offer, currency, amount, experiment, variant, flow, customer,
          unit_id,
          {at:created_at} AS created_at, {day:created_at} AS day, {month:created_at} AS month
        FROM checkouts WHERE NOT preview""",
    "unit_exposures": """
        SELECT experiment, variant, unit_id, checkout_id, {at:exposed_at} AS exposed_at,
          {day:exposed_at} AS day, {month:exposed_at} AS month
        FROM exposures""",
    "friction_events": """
        SELECT e.event_id, e.name, e.checkout_id, e.unit_id, o.experiment, o.variant, o.flow,
          COALESCE({told:section}, {told:element}) AS section, {told:step} AS step,
          {told:field} AS field, {told:state} AS state, {told:after} AS corrected_after,
          {told:code} AS code, {told:target} AS target,
          {told_number:milliseconds} AS milliseconds, {told_number:count} AS omitted,
          {at:e.occurred_at} AS occurred_at, {day:e.occurred_at} AS day,
          {month:e.occurred_at} AS month
        FROM events e JOIN checkouts o ON o.checkout_id = e.checkout_id AND NOT o.preview
        WHERE e.name IN (
          'step_shown', 'element_ready', 'field_left', 'field_corrected', 'error_shown',
          'section_timed', 'rage_clicked', 'events_omitted')""",
    "payment_origins": """
        SELECT p.payment_intent_id, i.invoice_id, i.subscription_id,
          COALESCE(p.checkout_id, i.checkout_id, s.checkout_id) AS origin_checkout_id
        FROM ledger_payments p
          LEFT JOIN (
            SELECT payment_intent_id, MIN(invoice_id) AS invoice_id
            FROM ledger_invoice_payments GROUP BY payment_intent_id
          ) l ON l.payment_intent_id = p.payment_intent_id
          LEFT JOIN ledger_invoices i ON i.invoice_id = l.invoice_id
          LEFT JOIN ledger_subscriptions s ON s.subscription_id = i.subscription_id""",
    "payment_intents": """
        SELECT payment_intent_id, customer_id, proved AS status, amount, amount_received, currency,
          {at:created_at} AS created_at, {at:succeeded_at} AS succeeded_at,
          {day:created_at} AS day, {month:created_at} AS month
        FROM ledger_payments WHERE payment_intent_id NOT LIKE 'seti%'""",
    "payments": """
        SELECT p.payment_intent_id, p.checkout_id, g.origin_checkout_id, g.invoice_id,
          g.subscription_id, p.customer_id, {whose}, p.status, p.amount, p.amount_received,
          COALESCE(c.amount_refunded, 0) AS amount_refunded,
          COALESCE(c.disputed, 0) AS disputed,
          COALESCE(c.tries, 0) AS tries, p.currency,
          CASE WHEN p.mismatch THEN 1 ELSE 0 END AS mismatch,
          CASE WHEN p.checkout_id IS NULL THEN 0 ELSE 1 END AS is_first,
          {at:p.created_at} AS created_at, {at:p.succeeded_at} AS succeeded_at,
          {day:COALESCE(p.succeeded_at, p.created_at)} AS day,
          {month:COALESCE(p.succeeded_at, p.created_at)} AS month
        FROM ledger_payments p
          LEFT JOIN (
            SELECT payment_intent_id, SUM(amount_refunded) AS amount_refunded, COUNT(*) AS tries,
              MAX(CASE WHEN disputed THEN 1 ELSE 0 END) AS disputed
            FROM ledger_charges GROUP BY payment_intent_id
          ) c ON c.payment_intent_id = p.payment_intent_id
          {of:p}
        WHERE p.checkout_id IS NOT NULL OR p.payment_intent_id NOT LIKE 'seti%'""",
    "charges": """
        SELECT c.charge_id, c.payment_intent_id, g.origin_checkout_id AS checkout_id, g.invoice_id,
          g.subscription_id, c.customer_id, {whose}, c.payment_method_id, c.status, c.amount,
          c.amount_captured, c.amount_refunded, c.currency,
          CASE WHEN c.disputed THEN 1 ELSE 0 END AS disputed, c.method, c.brand, c.funding,
          c.country, c.fingerprint, c.wallet,
          CASE WHEN c.network_token THEN 1 ELSE 0 END AS network_token, c.outcome_type,
          c.network_status, c.failure_code, c.decline_code, c.network_decline_code, c.advice_code,
          c.network_advice_code, c.risk_level, c.risk_score, c.three_d_secure_flow,
          c.three_d_secure_result, c.three_d_secure_reason, c.balance_transaction_id,
          {at:c.charged_at} AS charged_at, {day:c.charged_at} AS day,
          {month:c.charged_at} AS month
        FROM ledger_charges c {of:c}""",
    "failed_authentications": """
        SELECT a.authentication_id, a.payment_intent_id, g.origin_checkout_id AS checkout_id,
          g.invoice_id, g.subscription_id, a.customer_id, {whose}, a.payment_method_id, a.method,
          a.brand, a.funding, a.country, a.code, a.amount, a.currency,
          {at:a.failed_at} AS failed_at, {day:a.failed_at} AS day,
          {month:a.failed_at} AS month
        FROM ledger_authentications a {of:a}""",
    "payment_attempts": """
        SELECT t.*,
          CASE WHEN outcome = 'authorized' THEN 1 ELSE 0 END AS authorized,
          CASE WHEN outcome IN ('invalid', 'pending') THEN 0 ELSE 1 END AS counted,
          CASE WHEN outcome <> 'pending' AND network_status IN
            ('approved_by_network', 'declined_by_network', 'reversed_after_approval')
            THEN 1 ELSE 0 END AS reached_network,
          CASE WHEN ROW_NUMBER() OVER (
            PARTITION BY group_key ORDER BY attempted_at DESC,
              CASE outcome WHEN 'authorized' THEN 1 ELSE 0 END DESC, attempt_id DESC
          ) = 1 THEN 1 ELSE 0 END AS is_final_attempt,
          ROW_NUMBER() OVER (
            PARTITION BY group_key ORDER BY attempted_at,
              CASE outcome WHEN 'authorized' THEN 1 ELSE 0 END, attempt_id
          ) AS attempt_number
        FROM (
          SELECT charge_id AS attempt_id, charge_id, payment_intent_id, checkout_id, invoice_id,
            subscription_id, customer_id, customer, unit_id, experiment, variant,
            payment_method_id, amount, currency, method, brand, funding, country, wallet,
            fingerprint, network_token,
            CASE WHEN status = 'pending' THEN 'pending'
              WHEN outcome_type IN ('blocked', 'invalid') THEN outcome_type
              WHEN status = 'succeeded' THEN 'authorized' ELSE 'declined' END AS outcome,
            network_status, failure_code, decline_code, network_decline_code, advice_code,
            network_advice_code, risk_level, risk_score, three_d_secure_flow,
            three_d_secure_result, charged_at AS attempted_at, day, month,
            COALESCE(invoice_id, checkout_id, payment_intent_id, charge_id) AS group_key
          FROM charges
          UNION ALL
          SELECT authentication_id, NULL, payment_intent_id, checkout_id, invoice_id,
            subscription_id, customer_id, customer, unit_id, experiment, variant,
            payment_method_id, amount, currency, method, brand, funding, country, NULL, NULL, 0,
            'authentication_failed', 'not_sent_to_network', code, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, 'failed', failed_at, day, month,
            COALESCE(invoice_id, checkout_id, payment_intent_id)
          FROM failed_authentications
        ) t""",
    "authentication_report_attempts": """
        SELECT attempt_id, payment_intent_id, charge_id, checkout_id, customer, unit_id, experiment,
          variant, brand, funding, country, amount, currency,
          COALESCE(three_d_secure_flow, 'challenge') AS authentication_flow,
          three_d_secure_result AS result,
          CASE WHEN three_d_secure_result IN ('authenticated', 'attempt_acknowledged')
            THEN 1 ELSE 0 END AS succeeded,
          authorized, is_final_attempt, attempted_at, day, month
        FROM payment_attempts WHERE three_d_secure_result IS NOT NULL""",
    "refunds": """
        SELECT r.refund_id, r.charge_id, r.payment_intent_id,
          g.origin_checkout_id AS checkout_id, g.invoice_id, g.subscription_id, {whose},
          r.amount, r.currency, r.status, r.reason, r.failure_reason,
          {at:r.created_at} AS created_at, {day:r.created_at} AS day,
          {month:r.created_at} AS month
        FROM ledger_refunds r {of:r}""",
    "disputes": """
        SELECT d.dispute_id, d.charge_id, d.payment_intent_id,
          g.origin_checkout_id AS checkout_id, g.invoice_id, g.subscription_id, {whose},
          d.amount, d.currency, d.status, d.reason,
          {at:d.created_at} AS created_at, {day:d.created_at} AS day,
          {month:d.created_at} AS month
        FROM ledger_disputes d {of:d}""",
    "early_fraud_warnings": """
        SELECT w.warning_id, w.charge_id, w.payment_intent_id,
          g.origin_checkout_id AS checkout_id, {whose}, w.fraud_type,
          CASE WHEN w.actionable THEN 1 ELSE 0 END AS actionable,
          {at:w.created_at} AS created_at, {day:w.created_at} AS day,
          {month:w.created_at} AS month
        FROM ledger_early_fraud_warnings w {of:w}""",
    "subscriptions": """
        SELECT s.subscription_id, s.checkout_id, s.customer_id, {whose}, s.status,
          s.collection_method, s.currency, s.amount, s.quantity, s.interval, s.interval_count,
          CASE s.interval
            WHEN 'month' THEN s.amount * 1.0 / s.interval_count
            WHEN 'year' THEN s.amount * 1.0 / (12 * s.interval_count)
            WHEN 'week' THEN s.amount * 52.0 / (12 * s.interval_count)
            WHEN 'day' THEN s.amount * 365.0 / (12 * s.interval_count)
          END AS monthly_amount,
          CASE WHEN s.cancel_at_period_end THEN 1 ELSE 0 END AS cancel_at_period_end,
          s.cancellation_reason, s.default_payment_method,
          {at:s.trial_end} AS trial_end, {at:s.current_period_start} AS current_period_start,
          {at:s.current_period_end} AS current_period_end,
          {at:s.canceled_at} AS canceled_at, {at:s.ended_at} AS ended_at,
          {day:s.ended_at} AS ended_day, {month:s.ended_at} AS ended_month,
          {at:s.started_at} AS started_at, {at:s.created_at} AS created_at,
          {day:s.created_at} AS day, {month:s.created_at} AS month
        FROM ledger_subscriptions s
          LEFT JOIN checkouts o ON o.checkout_id = s.checkout_id AND NOT o.preview""",
    "invoices": """
        SELECT i.invoice_id, i.number, i.customer_id, i.subscription_id,
          COALESCE(i.checkout_id, s.checkout_id) AS checkout_id, {whose}, i.status,
          i.billing_reason, i.collection_method, i.currency, i.total, i.tax, i.amount_due,
          i.amount_paid, i.amount_remaining, i.amount_overpaid, i.attempt_count,
          {at:i.next_payment_attempt} AS next_payment_attempt, {at:i.due_at} AS due_at,
          {day:i.due_at} AS due_day,
          COALESCE(i.due_at, i.created_at) / 86400000000 AS due_day_number,
          {at:i.finalized_at} AS finalized_at,
          {at:i.paid_at} AS paid_at, {day:i.paid_at} AS paid_day,
          {at:i.voided_at} AS voided_at, {at:i.uncollectible_at} AS uncollectible_at,
          i.hosted_invoice_url, {at:i.created_at} AS created_at, {day:i.created_at} AS day,
          {month:i.created_at} AS month
        FROM ledger_invoices i
          LEFT JOIN ledger_subscriptions s ON s.subscription_id = i.subscription_id
          LEFT JOIN checkouts o
            ON o.checkout_id = COALESCE(i.checkout_id, s.checkout_id) AND NOT o.preview""",
    "invoice_line_items": """
        SELECT line_id, invoice_id, subscription_id, description, amount, currency, quantity,
          CASE WHEN proration THEN 1 ELSE 0 END AS proration,
          {at:period_start} AS period_start, {at:period_end} AS period_end
        FROM ledger_invoice_lines""",
    "invoice_payments": """
        SELECT invoice_payment_id, invoice_id, payment_intent_id, charge_id, amount_requested,
          amount_paid, currency, status, {at:paid_at} AS paid_at, {at:created_at} AS created_at,
          {day:created_at} AS day, {month:created_at} AS month
        FROM ledger_invoice_payments""",
    "customers": """
        SELECT customer_id, customer, currency, balance,
          CASE WHEN delinquent THEN 1 ELSE 0 END AS delinquent,
          CASE WHEN deleted THEN 1 ELSE 0 END AS deleted, default_payment_method,
          {at:created_at} AS created_at, {day:created_at} AS day, {month:created_at} AS month
        FROM ledger_customers""",
    "payment_methods": """
        SELECT payment_method_id, customer_id, type, brand, funding, country, last4, exp_month,
          exp_year, fingerprint, wallet, allow_redisplay,
          {at:created_at} AS created_at, {day:created_at} AS day, {month:created_at} AS month
        FROM ledger_payment_methods""",
    "card_updates": """
        SELECT event_id, payment_method_id, customer_id, last4_before, last4, exp_month_before,
          exp_month, exp_year_before, exp_year, {at:updated_at} AS updated_at,
          {at:updated_at + 15552000000000} AS saves_until,
          {day:updated_at} AS day, {month:updated_at} AS month
        FROM ledger_card_updates""",
    "balance_transactions": """
        SELECT balance_transaction_id, source_id, type, reporting_category, amount, fee, net,
          currency, exchange_rate, status, {at:available_on} AS available_on,
          {at:created_at} AS created_at, {day:created_at} AS day, {month:created_at} AS month
        FROM ledger_balance_transactions""",
    "annotations": """
        SELECT annotation_id, kind, note, {at:starts_at} AS starts_at, {day:starts_at} AS start_day,
          {at:ends_at} AS ends_at, {day:ends_at} AS end_day
        FROM period_annotations""",
}
FEE_DETAILS = "balance_transaction_fee_details"
NAMES = (*VIEWS, FEE_DETAILS)
_PLACE = re.compile(r"\{(at|day|month|of|told|told_number):([^{}]+)\}")


def make_views(connection: Connection) -> None:
    """Make every view; there must be none of them."""
    for name, query in _read(connection.dialect.name).items():
        connection.execute(text(f"CREATE VIEW {name} AS {query}".replace(":", r"\:")))


def drop_views(connection: Connection) -> None:
    """Drop whatever views there are, so that their tables may change."""
    # In an older store some of the names are tables'.
    there = set(inspect(connection).get_view_names())
    for name in reversed(NAMES):
        if name in there:
            connection.execute(text(f"DROP VIEW {name}"))


def _read(dialect: str) -> dict[str, str]:
    written = {**_TIMES[dialect], **_PROPERTIES[dialect], "of": _OF_PAYMENT}
    read = {
        name: _PLACE.sub(lambda place: written[place[1]].format(place[2]), query)
        for name, query in VIEWS.items()
    }
    return {
        **{name: query.replace("{whose}", _WHOSE) for name, query in read.items()},
        FEE_DETAILS: _FEES[dialect],
    }

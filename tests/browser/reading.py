"""A page as a screen reader comes through it: roles, names and states, in order.

Read from Chromium's own accessibility tree, the frames of the page included where they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import CDPSession, Page

# Landmarks and groups are named on the way in; what else holds things is not spoken.
_AROUND = {"alert", "banner", "complementary", "dialog", "form", "group", "main", "navigation"} | {
    "radiogroup",
    "region",
    "status",
}
# What is said as one, whatever is inside.
_WHOLE = {"button", "checkbox", "columnheader", "combobox", "heading", "link", "radio"} | {
    "cell",
    "rowheader",
    "textbox",
}
_STATES = ("focused", "required", "expanded", "checked", "invalid", "live")
_UNSAID = {False, "false", "off", None}


def read_aloud(page: Page) -> list[str]:
    """What is said from the top of the page to its end, one line for each stop."""
    session = page.context.new_cdp_session(page)
    try:
        return _merged(_document(session, None))
    finally:
        session.detach()


def _document(session: CDPSession, frame: str | None) -> Iterator[str]:
    asked = {} if frame is None else {"frameId": frame}
    nodes = session.send("Accessibility.getFullAXTree", asked)["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}
    return _below(session, by_id, nodes[0])


def _below(session: CDPSession, by_id: dict[str, Any], node: Any) -> Iterator[str]:
    for child in node.get("childIds", []):
        if child in by_id:
            yield from _node(session, by_id, by_id[child])


def _node(session: CDPSession, by_id: dict[str, Any], node: Any) -> Iterator[str]:
    role = node.get("role", {}).get("value")
    if node["ignored"]:
        yield from _below(session, by_id, node)
    elif role == "StaticText":
        yield f"  {node['name']['value'].strip()}"
    elif role == "LabelText":
        # Its words are the name of its field; the field itself may be inside.
        yield from (line for line in _below(session, by_id, node) if not line.startswith("  "))
    elif role == "Iframe":
        yield _said(role.lower(), node)
        yield from _document(session, _frame(session, node))
    elif role in _WHOLE:
        yield _said(role, node)
    else:
        if role in _AROUND or _focused(node):
            yield _said(role, node)
        yield from _below(session, by_id, node)


def _said(role: str, node: Any) -> str:
    name = node.get("name", {}).get("value", "").strip()
    properties = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
    parts = [role, f'"{name}"'] if name else [role]
    if described := node.get("description", {}).get("value", "").strip():
        parts.append(f"({described})")
    return " ".join([*parts, *_states(properties)])


def _states(properties: dict[str, Any]) -> Iterator[str]:
    for name in _STATES:
        value = properties.get(name)
        if name == "expanded" and value is False:
            yield "collapsed"
        elif value not in _UNSAID:
            yield str(value) if name == "live" else name


def _focused(node: Any) -> bool:
    return any(each["name"] == "focused" for each in node.get("properties", []))


def _frame(session: CDPSession, node: Any) -> str:
    described = session.send("DOM.describeNode", {"backendNodeId": node["backendDOMNodeId"]})
    found: str = described["node"]["frameId"]
    return found


def _merged(lines: Iterator[str]) -> list[str]:
    """The pieces of one text are one line."""
    merged: list[str] = []
    for line in lines:
        if line.startswith("  ") and merged and merged[-1].startswith("  "):
            merged[-1] = f"{merged[-1]} {line.strip()}".rstrip()
        elif line.strip():
            merged.append(line)
    return merged

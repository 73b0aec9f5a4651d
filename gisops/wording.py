"""Words for codes: why a decision fell as it did, where a case stands; Chinese first, English second.

The database answers in codes; this table is the only place that turns them into sentences. A house test holds it to
the codes that the statements can give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gisops.city import City

REASONS: dict[str, tuple[str, str]] = {
    "OUT_OF_AREA": ("位置在本市范围以外", "The point lies outside the city"),
    "CITY_EDGE_SNAPPED": (
        "位置略在市界以外，仍在吸附距离内，按市内处理",
        "The point lies a little outside the city line, within the snapping distance, and is taken as inside",
    ),
    "ACCURACY_POOR": (
        "定位误差超过 200 米，须人工确认",
        "The position's error exceeds 200 m; a person must confirm it",
    ),
    "PART_EXPLICIT": ("上报时指明了部件{part}", "The report named the part {part}"),
    "PART_UNKNOWN": ("没有编码为所报编码的部件", "There is no part with the code that was reported"),
    "PART_WITHOUT_ORGANISATION": ("部件没有登记责任单位", "The part has no organisation on record"),
    "PLACE_EXPLICIT": ("上报时指明了场所{place}", "The report named the place {place}"),
    "PLACE_UNKNOWN": ("没有所报的场所", "There is no such place as was reported"),
    "PLACE_WITHOUT_ORGANISATION": ("该场所没有登记责任单位", "The place has no organisation on record"),
    "RULE_FIXED": (
        "规则{rule}：此类问题固定由{organisation}负责",
        "Rule {rule}: this kind always goes to {organisation}",
    ),
    "PART_NEAREST": ("最近的同类部件是{part}，距 {part_m} 米", "The nearest matching part is {part}, {part_m} m away"),
    "CO_OWNERSHIP": (
        "部件位于共建包区{co_ownership}，由约定单位负责",
        "The part lies in the agreed area {co_ownership}",
    ),
    "MISSING_PART": (
        "附近没有登记的同类部件，转按责任区判断",
        "No matching part is on record nearby; the zone decides",
    ),
    "ZONE_COVERS": ("位置在责任区“{zone}”内", "The point lies in the zone {zone}"),
    "ZONE_OVERLAP": (
        "有多个责任区覆盖此处，按类别、优先级、面积取其一",
        "Several zones cover it; category, priority and area chose",
    ),
    "ZONE_EDGE": (
        "位置正在分界线上，归东、北一侧",
        "The point is on the line itself, which belongs to the east and north side",
    ),
    "ZONE_SNAPPED": ("位置不在任何责任区内，取最近的“{zone}”", "No zone covers the point; {zone} is the nearest"),
    "ZONE_NONE": ("没有覆盖此处、负责此类问题的责任区", "No zone is responsible for this category here"),
    "TERRITORIAL_FALLBACK": (
        "属地兜底：由所在辖区的{organisation}负责",
        "Territorial fallback: {organisation} answers for the area",
    ),
    "NO_MATCH": ("没有找到责任单位，转值班台", "Nobody was found; it goes to the duty desk"),
    "RECLASSIFY_PROPOSED": (
        "部件类别与上报不同，建议改为“{reclassify}”",
        "The part is of another class; proposed: {reclassify}",
    ),
    "PART_AMBIGUOUS": (
        "附近另有他方部件，无法断定是哪一个",
        "Another owner's part is as near; which one is meant is open",
    ),
    "AMBIGUOUS": (
        "定位误差范围内另有其他单位的责任区，须确认",
        "Within the position's error another organisation is responsible",
    ),
    "STAFF_PRIMARY": ("处置人：该区主责人员，当班", "Handler: the zone's first person, on duty"),
    "STAFF_BACKUP": ("处置人：该区备岗人员，当班", "Handler: the zone's stand-in, on duty"),
    "STAFF_NEARBY": ("处置人：附近当班人员", "Handler: somebody on duty close by"),
    "STAFF_SHIFT_LEADER": (
        "无合适人员当班，由该单位值班长负责",
        "Nobody suitable is on duty; the shift leader takes it",
    ),
    "STAFF_LEAD": ("无人当班，由该单位负责人负责", "Nobody is on duty; the head of the organisation takes it"),
    "STAFF_PARENT": ("该单位无人，由上级单位负责", "The organisation has nobody; the one above takes it"),
    "STAFF_NONE": ("没有可派人员，仅派到单位", "No person can be named; it goes to the organisation"),
    "SUPERIOR_ZONE_LEADER": ("同时告知：责任区负责人", "Told as well: the zone's leader"),
    "SUPERIOR_LEAD": ("同时告知：单位负责人", "Told as well: the head of the organisation"),
    "SUPERIOR_PARENT": ("同时告知：上级单位负责人", "Told as well: the head of the organisation above"),
    "SUPERIOR_NONE": ("没有可告知的上级", "There is no superior to tell"),
    "BY_HAND": ("人工派遣", "Dispatched by hand"),
}

STATES: dict[str, tuple[str, str]] = {
    "reported": ("待受理", "Reported"),
    "verifying": ("核实中", "Being verified"),
    "accepted": ("待立案", "Accepted"),
    "simple_open": ("即时处置", "Open, simple flow"),
    "filed": ("待派遣", "Filed"),
    "dispatched": ("待签收", "Dispatched"),
    "handling": ("处置中", "Being handled"),
    "suspended": ("挂账", "Suspended"),
    "returned": ("已退回", "Returned"),
    "disputed": ("确权中", "Disputed"),
    "handled": ("待核查", "Handled"),
    "checking": ("核查中", "Being checked"),
    "to_close": ("待结案", "To be closed"),
    "closed": ("已结案", "Closed"),
    "force_closed": ("强制结案", "Closed by order"),
    "not_accepted": ("不予受理", "Not accepted"),
    "not_filed": ("不予立案", "Not filed"),
    "duplicate": ("并案", "Joined with another case"),
    "voided": ("作废", "Voided"),
}

# What the public is told of how far a case is: the seven stages as four steps, and what became of one that is over.
PUBLIC_STEPS: dict[int, tuple[str, str]] = {
    1: ("已收到", "Received"),
    2: ("已立案", "Taken up"),
    3: ("处置中", "Being handled"),
    4: ("已办结", "Done"),
}
PUBLIC_ENDS: dict[str, tuple[str, str]] = {
    "not_accepted": ("不予受理", "Not accepted"),
    "not_filed": ("不予立案", "Not taken up"),
    "voided": ("已作废", "Voided"),
    "duplicate": ("已并入同一问题的其他上报", "Joined with another report of the same"),
}
_STEP_OF_STAGE = {1: 1, 2: 1, 3: 2, 4: 3, 5: 3, 6: 3, 7: 4}
_BEGINS = {1: ("reported", 1), 2: ("filed", 3), 3: ("handling", 4)}


CHANNELS: dict[str, tuple[str, str]] = {
    "citizen": ("市民上报", "citizens"),
    "officer": ("监督员上报", "officers"),
    "hotline": ("热线", "hotline"),
    "video": ("视频识别", "video"),
    "sensor": ("物联感知", "sensors"),
    "open311": ("Open311", "Open311"),
    "feed": ("系统对接", "feeds"),
}

# What became of a part in a joint case.
PARTS: dict[str, tuple[str, str]] = {
    "open": ("待签收", "Given out"),
    "acknowledged": ("已签收", "Taken on"),
    "done": ("已完成", "Done"),
    "returned": ("已退回", "Returned"),
    "cancelled": ("已取消", "Called off"),
}

ACTIONS: dict[str, tuple[str, str]] = {
    "report": ("上报", "Reported"),
    "push": ("即时推送", "Sent straight to who is responsible"),
    "order_verify": ("派核实", "Sent to be verified"),
    "verify": ("核实反馈", "Verified on site"),
    "accept": ("受理", "Accepted"),
    "refuse": ("不予受理", "Not accepted"),
    "file": ("立案", "Filed"),
    "reject": ("不予立案", "Not filed"),
    "dispatch": ("派遣", "Dispatched"),
    "ack": ("签收", "Acknowledged"),
    "escalate": ("超时未签收，上报上级", "Not acknowledged in time, superior called in"),
    "return": ("退回", "Returned"),
    "to_acceptor": ("退回受理", "Back to the acceptor"),
    "dispute": ("提请确权", "Responsibility in dispute"),
    "determine": ("确权认定", "Responsibility determined"),
    "assign": ("改派处置人", "Given to another handler"),
    "extend": ("延时", "Limit extended"),
    "suspend": ("挂账", "Suspended"),
    "resume": ("恢复处置", "Resumed"),
    "step_done": ("阶段完成", "Stage done"),
    "finish": ("处置反馈", "Handled, with feedback"),
    "send_back": ("退回继续处置", "Sent back, not done yet"),
    "order_check": ("派核查", "Sent to be checked"),
    "skip_check": ("免核查", "No check needed"),
    "pass": ("核查通过", "Passed the check"),
    "fail": ("核查不通过，返工", "Failed the check, to be done again"),
    "close": ("结案", "Closed"),
    "to_rework": ("返工", "To be done again"),
    "promote": ("超时转一般流程立案", "Not done in time, filed in the standard flow"),
    "not_mine": ("非本人职责，转一般流程", "Not his, to the standard flow"),
    "reopen": ("重新立案", "Reopened"),
    "appeal": ("申诉", "Appeal"),
    "unlink": ("撤销并案", "Taken out again"),
    "correct": ("更正类别或位置", "Class or place corrected"),
    "link": ("并案", "Joined with another case"),
    "take_in": ("并入其他案件的上报", "Took in the reports of another case"),
    "give_up": ("拆出上报", "Reports were taken out"),
    "void": ("作废", "Voided"),
    "force_close": ("强制结案", "Closed by order"),
}


def reasons(row: dict[str, Any], city: City, *, people: bool) -> list[dict[str, str]]:
    """The reasons of a decision in words: ``[{code, zh, en}]``, in the order they were found. Without ``people`` those
    are left out that tell who is on duty, near by or has his hands full.
    """
    codes = [code for code in row["reasons"] if people or not code.startswith(_ABOUT_STAFF)]
    return _sentences(codes, _facts(row, "zh"), _facts(row, "en"))


def kept(answer: dict[str, Any], city: City) -> list[dict[str, str]]:
    """The same for a decision that was kept, which has codes only: names are those of today."""
    organisation = city.organisations.get(answer["organisation"])
    facts = {**dict.fromkeys(_FACTS, "—"), **{name: answer[name] for name in _FACTS if answer.get(name) is not None}}
    facts["part_m"] = answer.get("part_distance_m", "—")
    zh = {**facts, "organisation": organisation.name_zh} if organisation else facts
    en = {**facts, "organisation": organisation.name_en} if organisation else facts
    return _sentences(answer["reasons"], zh, en)


# What of a kept decision, or of a move, is about persons: who it is, and by which of them being on duty, near or free.
_PERSONS = frozenset({"handler", "superior", "staff"})
_ABOUT_STAFF = "STAFF_"


def without_people(kept: dict[str, Any]) -> dict[str, Any]:
    """What was asked, answered or done, as it is told to those who get to know posts and not persons."""
    told = {name: value for name, value in kept.items() if name not in _PERSONS}
    if "reasons" in told:
        told["reasons"] = [code for code in told["reasons"] if not code.startswith(_ABOUT_STAFF)]
    return told


def question(row: dict[str, Any], city: City) -> dict[str, str] | None:
    """The one question that would settle an ambiguous decision, in both languages; None where there is none."""
    if not row["ambiguous"]:
        return None
    mine, other = _sides(row)
    if other is None:
        return {"zh": "请确认问题的准确位置。", "en": "Please confirm the exact position of the problem."}
    names_zh = [_candidate_name(side, city, "zh") for side in (mine, other)]
    names_en = [_candidate_name(side, city, "en") for side in (mine, other)]
    if "part" in other:
        return {
            "zh": f"附近有不止一个部件：是{names_zh[0]}的，还是{names_zh[1]}的？",
            "en": f"There is more than one part nearby: is it that of {names_en[0]} or of {names_en[1]}?",
        }
    return {
        "zh": f"此处靠近分界线：问题在{names_zh[0]}一侧，还是{names_zh[1]}一侧？",
        "en": f"This is near a dividing line: is the problem on the side of {names_en[0]} or of {names_en[1]}?",
    }


def public_step(code: str, stage: int) -> dict[str, Any]:
    """How far a case is, as the public is told: ``{step, step_zh, step_en}``, of four."""
    step = _STEP_OF_STAGE[stage]
    zh, en = PUBLIC_ENDS.get(code, PUBLIC_STEPS[step])
    return {"step": step, "step_zh": zh, "step_en": en}


def public_state(code: str, stage: int) -> tuple[str, int]:
    """The state and stage with which the public's step begins: told to whom the moves within it are nobody's to follow.
    Of what is over only whether it was done.
    """
    return _BEGINS.get(_STEP_OF_STAGE[stage], ("closed", stage) if code == "force_closed" else (code, stage))


def state(code: str) -> dict[str, str]:
    """A state in words: ``{state, state_zh, state_en}``."""
    zh, en = STATES[code]
    return {"state": code, "state_zh": zh, "state_en": en}


def _sides(row: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The chosen candidate, and the best one of another organisation."""
    mine = {"organisation": row["organisation_code"], "zone": row["zone_code"]}
    others = (c for c in row["candidates"] if c["organisation"] not in (None, row["organisation_code"]))
    return mine, min(others, key=lambda c: c["distance_m"], default=None)


def _candidate_name(side: dict[str, Any], city: City, language: str) -> str:
    name = city.organisations.get(side["organisation"])
    if name is None:
        return str(side["organisation"])
    return f"“{name.name_zh}”" if language == "zh" else name.name_en


_FACTS = ("organisation", "zone", "part", "part_m", "place", "rule", "co_ownership", "reclassify")


def _sentences(codes: list[str], zh: dict[str, Any], en: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"code": code, "zh": REASONS[code][0].format_map(zh), "en": REASONS[code][1].format_map(en)} for code in codes
    ]


def _facts(row: dict[str, Any], language: str) -> dict[str, Any]:
    """What the sentences may mention; a fact that a decision does not have is a dash."""
    distance = row["part_distance_m"]
    facts = {
        "organisation": row[f"organisation_{language}"],
        "zone": row[f"zone_{language}"],
        "part": row["part_code"],
        "part_m": None if distance is None else f"{distance:.1f}",
        "place": row["place_zh"],
        "rule": row["rule_code"],
        "co_ownership": row["co_ownership_zh"],
        "reclassify": row[f"part_category_{language}"],
    }
    return {name: "—" if value is None else value for name, value in facts.items()}


JOINED: dict[str, tuple[str, str]] = {
    "same_part": ("同一部件已有案件，已并入", "There is a case about this very part; your report is in it"),
    "same_device": ("同一设备已有案件，已并入", "There is a case of this very device; the report is in it"),
    "joined": ("已并入您所指的案件", "Your report is in the case that you named"),
}


COUNTED: dict[str, tuple[str, str]] = {
    "crowd": (
        "该案件一小时内上报很多，您的上报已计入数量，文字和照片未保存；凭编号仍可查询进展。",
        "Many reported this within the hour: yours was counted, without its text and photographs;"
        " its key still tells how the case goes.",
    ),
    "again": (
        "该案件今天已有多次来自同一网络地址的上报，您的上报已计入数量，文字和照片未保存；凭编号仍可查询进展。",
        "This was reported several times from the same network address today: yours was counted, without its text and"
        " photographs; its key still tells how the case goes.",
    ),
}


def counted(why: str) -> dict[str, Any]:
    """What the sender of a report is told that was counted, and of which nothing else was kept."""
    zh, en = COUNTED[why]
    return {"counted_only": True, "counted_zh": zh, "counted_en": en}


def joined(kind: str) -> dict[str, str]:
    """Why a report is in a case that was there: ``{code, zh, en}``."""
    zh, en = JOINED[kind]
    return {"code": kind, "zh": zh, "en": en}

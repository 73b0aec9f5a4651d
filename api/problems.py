"""Errors as they leave the house: problem details (RFC 9457), one dict from class to status.

Every answer that is not a success is ``application/problem+json`` with ``type`` (a page of ours about the code),
``title``, ``status``, ``detail``, ``code`` (stable, for programs), ``instance`` (the path asked) and what the error
knows beside that: what was wrong and what would be right. Nothing of our insides is ever shown.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from gisops import errors
from gisops.room import StorageFull

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[type[errors.GisopsError], int] = {
    errors.InvalidInput: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NotSignedIn: 401,
    errors.BadCredentials: 401,
    errors.NotAllowed: 403,
    errors.TooManyRequests: 429,
    errors.NotReady: 503,
    StorageFull: 507,
    errors.GisopsError: 500,
}

TITLES: Mapping[str, str] = {
    "invalid_input": "输入有误 / Invalid input",
    "invalid_body": "请求内容不符合格式 / The request does not have the right shape",
    "malformed_json": "不是有效的 JSON / Malformed JSON",
    "body_too_large": "请求内容过大 / The request is too large",
    "invalid_coordinate": "坐标无效 / Invalid coordinate",
    "swapped_coordinate": "经纬度可能颠倒 / Longitude and latitude look swapped",
    "unknown_crs": "坐标系缺失或未知 / The coordinate reference system is missing or unknown",
    "unknown_category": "没有这个类别 / Unknown category",
    "unknown_part": "没有这个部件 / Unknown part",
    "unknown_place": "没有这个地点 / Unknown place",
    "unknown_organisation": "没有这个单位 / Unknown organisation",
    "unknown_staff": "没有这名人员 / Unknown member of staff",
    "unknown_indicator": "没有这个指标 / Unknown indicator",
    "printer_missing": "本机未装打印组件 / This machine cannot print",
    "invalid_photo": "不是可接受的照片 / Not a photograph that is taken",
    "unknown_photo": "没有这张照片 / Unknown photograph",
    "storage_unavailable": "照片存储不可用 / The storage of photographs does not answer",
    "unknown_unit": "没有这个区域或网格 / Unknown area or grid cell",
    "scope_not_possible": "该账号不能被授予此范围 / This account cannot be granted that",
    "invalid_geometry": "图形无效 / The geometry cannot be asked by",
    "outside_city": "位置在本市之外 / Outside the city",
    "text_too_long": "文字过长 / The text is too long",
    "invalid_code": "编码格式错误 / A code is not written as its scheme writes it",
    "unknown_code_scheme": "没有这个编码方案 / Unknown code scheme",
    "invalid_grid_cell_code": "单元网格编码格式错误 / Invalid grid cell code",
    "invalid_part_code": "部件编码格式错误 / Invalid part code",
    "invalid_admin_code": "行政区划代码格式错误 / Invalid administrative code",
    "invalid_category_code": "类别代码格式错误 / Invalid category code",
    "sequence_overflow": "编码顺序号已用尽 / The numbers of this code are used up",
    "invalid_time_limit": "时限无法计算 / The time limit cannot be computed",
    "invalid_work_calendar": "工作日历有误 / Invalid work calendar",
    "message_id_reused": "同一编号的留言内容不同 / This message_id was used with another text",
    "invalid_handbook": "处置手册文件有误 / The handbook's file has rows that cannot be taken",
    "load_error": "文件无法导入 / The file cannot be loaded",
    "unreadable_file": "文件无法读取 / The file cannot be read",
    "unsafe_archive": "压缩包不安全，未解压 / The archive is one that is not unpacked",
    "layer_not_chosen": "文件含多个图层，请指定 / The file holds several layers",
    "undeclared_crs": "必须声明坐标系 / The coordinate reference system must be declared",
    "crs_conflict": "声明的坐标系与文件不符 / The declared system is not the file's own",
    "unknown_encoding": "无法判断文字编码 / The encoding of the text cannot be told",
    "missing_geometry": "文件缺少所需的图形 / The file does not have the geometry that is needed",
    "invalid_date": "日期无法识别或有歧义 / Not a date, or one that reads in two ways",
    "unreadable_extract": "无法读取 OpenStreetMap 数据 / The OpenStreetMap extract cannot be read",
    "not_found": "没有找到 / Not found",
    "method_not_allowed": "不支持的方法 / Method not allowed",
    "conflict": "与已有内容冲突 / Conflict",
    "client_uid_reused": "同一编号的上报内容不同 / This client_uid was used with another body",
    "other_account": "当前登录的是另一账号 / Another account is signed in now",
    "not_joinable": "附近没有可并入的案件 / There is no such case to join",
    "stale_rule": "规则已被更改 / The rule was changed since it was read",
    "stale_version": "案件已有变化 / The case has moved on",
    "city_is_there": "数据库中已有城市 / The database holds a city already",
    "invalid_mapping": "列映射不正确 / Invalid mapping of columns",
    "invalid_layer": "图层描述不正确 / A layer cannot be described so",
    "layer_taken": "图层编号已被使用 / The layer's id is taken",
    "invalid_profile": "城市配置不正确 / Invalid profile of a city",
    "load_not_publishable": "此次载入不能发布 / The load cannot be published",
    "load_not_undoable": "此次载入不能撤销 / The load cannot be undone",
    "cases_moved_on": "案件已有后续处理 / Cases have been worked on since",
    "guard_failed": "案件不满足此操作的条件 / The case is not as this move needs it",
    "urged_already": "刚刚催办过 / Urged a short while ago",
    "illegal_move": "当前状态不允许此操作 / The case's state does not allow this",
    "not_signed_in": "需要登录 / A sign-in is needed",
    "bad_credentials": "用户名或密码错误 / Wrong login or password",
    "invalid_refresh_token": "刷新令牌无效，请重新登录 / The refresh token does not hold, sign in again",
    "refresh_token_reused": "刷新令牌被重复使用，登录已终止 / The refresh token was used twice, the sign-in has ended",
    "invalid_device_key": "设备密钥无效 / Not a public key of a device",
    "invalid_proof": "设备持有证明无效 / The proof of possession does not hold",
    "proof_replayed": "设备持有证明已使用过 / The proof of possession was shown before",
    "oidc_failed": "统一身份认证未成功 / The sign-in at the identity provider did not succeed",
    "oidc_unavailable": "统一身份认证服务不可用 / The identity provider cannot be reached",
    "no_account": "身份已确认，但没有关联账号 / Known, but linked to no account here",
    "not_allowed": "没有权限 / Not allowed",
    "cross_site": "拒绝来自其他网站的请求 / Sent by a page of another site",
    "scope_missing": "此密钥没有所需的权限范围 / This key lacks the scope",
    "locked_out": "密码错误次数过多，暂时锁定 / Too many wrong passwords, locked for a while",
    "weak_password": "密码不符合要求 / The password is too weak",
    "unknown_account": "没有这个账号 / Unknown account",
    "unknown_api_key": "没有这个密钥 / Unknown key",
    "unknown_webhook": "没有这个外部通知 / Unknown webhook",
    "login_taken": "用户名已被使用 / The login is taken",
    "subject_taken": "该身份已关联其他账号 / Linked to another account already",
    "too_many_requests": "请求过于频繁 / Too many requests",
    "not_ready": "服务暂不可用 / The service is not ready",
    "broken_archive": "底图文件无法读取 / The file of the base map cannot be read",
    "too_slow": "查询耗时过长，已中止 / The question takes too long and was cut off",
    "storage_full": "磁盘空间不足，暂停写入 / No room on the disk, writing is paused",
    "outside_span": "没有备份可恢复到该时刻 / No backup leads to this moment",
    "no_backup": "没有可用的备份 / There is no backup to restore from",
    "broken_backup": "备份无法完成或已损坏 / A backup cannot be made, or is damaged",
    "missing_wal": "归档中缺少 WAL 段 / A segment of WAL is missing from the archive",
    "broken_migration": "数据库结构与程序版本不符 / The database and this release do not belong together",
    "internal_error": "服务器内部错误 / Internal error",
}

# What FastAPI and Starlette raise themselves, by status.
_HTTP_CODES: Mapping[int, str] = {
    400: "malformed_json",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    429: "too_many_requests",
    503: "not_ready",
}
_HTTP_DETAILS: Mapping[int, str] = {
    400: "The body cannot be read as JSON.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    413: "The body is larger than this address takes.",
}

# The schema every error answer refers to in the API's description.
SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "Problem details, RFC 9457. Further members say what was wrong and what would be right.",
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable, for programs."},
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}


def status_of(error: errors.GisopsError | type[errors.GisopsError]) -> int:
    """HTTP status of a domain error: that of its nearest ancestor in ``STATUS``."""
    kind = error if isinstance(error, type) else type(error)
    return next(STATUS[cls] for cls in kind.__mro__ if cls in STATUS)


def problem(status: int, code: str, detail: str, instance: str | None = None, /, **facts: Any) -> dict[str, Any]:
    """Problem details as a dict. The standard's own members cannot be overwritten by ``facts``."""
    shown: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": TITLES.get(code, detail),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if instance is not None:
        shown["instance"] = instance
    return shown | {name: value for name, value in facts.items() if name not in shown}


def of_error(error: errors.GisopsError, instance: str | None = None) -> dict[str, Any]:
    """Problem details of a domain error."""
    return problem(status_of(error), error.code, error.message, instance, **error.facts)


def of_shape(found: Sequence[Any], instance: str | None = None) -> dict[str, Any]:
    """Problem details of what pydantic found. What was sent is not repeated: it may be personal, or no JSON at all."""
    listed = [
        {
            "where": ".".join(str(step) for step in one["loc"] if step not in ("body", "query", "path", "header")),
            "problem": one["msg"],
        }
        for one in found
    ]
    detail = "; ".join(f"{one['where']}: {one['problem']}" for one in listed[:5])
    return problem(422, "invalid_body", detail or "The request does not have the right shape.", instance, errors=listed)


def answer(shown: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Problem details as a response, with the headers its status asks for."""
    extra = dict(headers or {})
    if shown["status"] == 401:
        extra.setdefault("WWW-Authenticate", "Bearer")
    if shown["status"] in (429, 503, 507):
        extra.setdefault("Retry-After", str(shown.get("retry_after_s", 1)))
    return Response(told(shown), shown["status"], extra, MEDIA_TYPE)


def told(shown: Mapping[str, Any]) -> bytes:
    """Problem details as JSON. What is wrong may be just what orjson refuses to write: an integer of more than 64 bits,
    half a surrogate pair. The standard library writes them.
    """
    try:
        return orjson.dumps(shown, default=str, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        return json.dumps(shown, default=str).encode()


def install(app: FastAPI, headers_of_last_resort: Mapping[str, str]) -> None:
    """Make every error of ``app`` a problem. An unknown one is answered outside of all middleware, so it is given the
    headers that otherwise come from there.
    """

    async def domain(request: Request, error: Exception) -> Response:
        assert isinstance(error, errors.GisopsError)  # noqa: S101
        if status_of(error) >= 500:
            log.warning("%s %s: %s", request.method, request.url.path, error.message)
        return answer(of_error(error, request.url.path))

    async def shape(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        found = error.errors()
        if any(one["type"] == "json_invalid" for one in found):
            reason = found[0].get("ctx", {}).get("error", "")
            at = found[0]["loc"][-1]
            detail = f"The body is not JSON: {reason} at character {at}."
            return answer(problem(400, "malformed_json", detail, request.url.path))
        return answer(of_shape(found, request.url.path))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        code = _HTTP_CODES.get(error.status_code, "invalid_input" if error.status_code < 500 else "internal_error")
        detail = _HTTP_DETAILS.get(error.status_code, str(error.detail))
        return answer(problem(error.status_code, code, detail, request.url.path), error.headers)

    async def database(request: Request, error: Exception) -> Response:
        log.warning("%s %s: database: %s", request.method, request.url.path, str(error).strip() or type(error).__name__)
        if isinstance(error, psycopg.errors.DiskFull | psycopg.errors.ReadOnlySqlTransaction):
            return answer(of_error(StorageFull(retry_after_s=30), request.url.path))
        detail = "The database does not answer at the moment."
        return answer(problem(503, "not_ready", detail, request.url.path, retry_after_s=2))

    async def changing(request: Request, error: Exception) -> Response:
        # A layer of the city's own was replaced or taken away a moment ago: whoever asks again gets the new one, or is
        # told that there is none. Where no layer was, it is a mistake of ours.
        if not await request.app.state.catalogs.changed_lately():
            raise error
        log.warning("%s %s: %s", request.method, request.url.path, str(error).strip().partition("\n")[0])
        detail = "What this asks for is just being changed."
        return answer(problem(503, "not_ready", detail, request.url.path, retry_after_s=1))

    async def unstorable(request: Request, error: Exception) -> Response:
        # The net under the schemas: a text with U+0000 in an address, a number no column holds.
        log.warning("%s %s: data: %s", request.method, request.url.path, type(error).__name__)
        detail = "A value in this request is one that the database cannot take."
        return answer(problem(422, "invalid_input", detail, request.url.path))

    async def unknown(request: Request, error: Exception) -> Response:
        # The server logs the traceback itself, as this is raised again after the answer.
        log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
        detail = "Something went wrong on our side; it was logged."
        # The server closes the connection behind an error that nobody expected: whoever keeps it open is told.
        headers = {**headers_of_last_resort, "Connection": "close"}
        return answer(problem(500, "internal_error", detail, request.url.path), headers)

    app.add_exception_handler(errors.GisopsError, domain)
    app.add_exception_handler(RequestValidationError, shape)
    app.add_exception_handler(HTTPException, http)
    # Connections lost, refused, timed out, statements cancelled, deadlocks, disk full; PoolTimeout is one of them.
    app.add_exception_handler(psycopg.OperationalError, database)
    # What is read for somebody cannot write where the disk is as good as full (api.deps).
    app.add_exception_handler(psycopg.errors.ReadOnlySqlTransaction, database)
    for gone in (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.UndefinedColumn):
        app.add_exception_handler(gone, changing)
    # A layer that was open until now; a connection whose plan knew it otherwise.
    app.add_exception_handler(psycopg.errors.InsufficientPrivilege, changing)
    app.add_exception_handler(psycopg.errors.FeatureNotSupported, changing)
    app.add_exception_handler(psycopg.DataError, unstorable)
    app.add_exception_handler(UnicodeEncodeError, unstorable)
    app.add_exception_handler(Exception, unknown)

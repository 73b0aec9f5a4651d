"""What reading a file can find, in one table: code -> kind and words. Chinese first, English second.

A house test holds this table to `docs/reference/loading-files.md`.
"""

from __future__ import annotations

from typing import Any

from gisops.loads.batches import Finding, Kind

# Of single rows.
ROWS: dict[str, tuple[Kind, str, str]] = {
    "repaired_geometry": (
        "mended",
        "图形无效（{reason}），已修复",
        "The geometry was invalid ({reason}) and was repaired",
    ),
    "closed_ring": ("mended", "边界环未闭合，已闭合", "A ring was not closed; it was closed"),
    "extracted_geometry": (
        "mended",
        "混合图形中只取了{wanted_zh}",
        "Of a collection of geometries only the {wanted} parts were taken",
    ),
    "linearised_curve": ("mended", "曲线已化为折线", "A curve was turned into short straight lines"),
    "single_point": ("mended", "多点图形只含一个点，按点处理", "A multi-point of one point was taken as that point"),
    "recoded_text": (
        "mended",
        "“{column}”不是所选编码的文字，已按 {encoding} 读取",
        "The text of {column} was not in the file's encoding; it was read as {encoding}",
    ),
    "cut_text": (
        "mended",
        "“{column}”末尾的字被字段宽度截断，残字已去掉",
        "The last character of {column} was cut by the field's width; the broken rest was taken off",
    ),
    "large_geometry": (
        "noted",
        "图形有 {vertices} 个顶点，会拖慢地图",
        "The geometry has {vertices} vertices; it will slow the map down",
    ),
    "no_geometry": ("refused", "没有图形", "There is no geometry"),
    "empty_geometry": ("refused", "图形为空", "The geometry is empty"),
    "not_finite": ("refused", "坐标不是有限数值", "A coordinate is not a finite number"),
    "unreadable_geometry": ("refused", "图形无法读取：{reason}", "The geometry cannot be read: {reason}"),
    "not_a_coordinate": ("refused", "“{column}”不是数值", "{column} is not a number"),
    "wrong_geometry_type": (
        "refused",
        "图形类型是 {given}，应为{wanted_zh}",
        "The geometry is a {given} where a {wanted} is wanted",
    ),
    "several_points": ("refused", "含 {count} 个点，应只有一个", "There are {count} points where one is wanted"),
    "collapsed_geometry": (
        "refused",
        "图形没有面积或长度（{reason}），无法修复",
        "The geometry has no area or length ({reason}); nothing is left after repair",
    ),
    "too_many_vertices": (
        "refused",
        "图形有 {vertices} 个顶点，超过 {limit}",
        "The geometry has {vertices} vertices, more than {limit}",
    ),
    "invalid_coordinate": ("refused", "坐标不可能正确：{reason}", "The coordinates cannot be right: {reason}"),
    "swapped_coordinate": ("refused", "横纵坐标（经纬度）可能颠倒", "Longitude and latitude look swapped"),
    "nul_in_text": ("refused", "“{column}”含有 NUL 字符", "The text of {column} holds a NUL character"),
    "text_too_long": (
        "refused",
        "“{column}”有 {bytes} 字节，超过 {limit}",
        "The text of {column} has {bytes} bytes, more than {limit}",
    ),
    "unreadable_text": ("refused", "“{column}”的文字无法解码", "The text of {column} cannot be decoded"),
    "ragged_row": ("refused", "有 {count} 列，表头有 {wanted} 列", "The row has {count} columns, the header {wanted}"),
}

# Of the file as a whole, with counts where there is something to count.
FILES: dict[str, tuple[Kind, str, str]] = {
    "wrong_encoding": (
        "mended",
        "文件自称编码为 {claimed}，实际是 {encoding}，已按后者读取",
        "The file says its text is {claimed}, but it is {encoding}; it was read as that",
    ),
    "encoding_chosen": (
        "noted",
        "文件未注明编码，判定为 {encoding}",
        "The file does not name its encoding; it is {encoding}",
    ),
    "crs_taken": ("noted", "坐标系取自文件：{crs}", "The system of coordinates is the file's own: {crs}"),
    "crs_declared": (
        "noted",
        "坐标系按声明：{crs}（文件：{file}）",
        "The system of coordinates is as declared: {crs} (the file says: {file})",
    ),
    "crs_overridden": (
        "noted",
        "声明的 {crs} 取代了文件注明的 {file}",
        "The declared {crs} was taken in place of the {file} that the file states",
    ),
    "geometry_columns": ("noted", "图形取自列：{columns}", "The geometry was made from the columns {columns}"),
    "heights_dropped": ("mended", "{count} 行的高程（Z）已去掉", "Heights (Z) were dropped in {count} rows"),
    "measures_dropped": ("mended", "{count} 行的测量值（M）已去掉", "Measures (M) were dropped in {count} rows"),
    "repeated_points": (
        "mended",
        "{count} 行中的 {points} 个重复顶点已去掉",
        "{points} repeated vertices were dropped in {count} rows",
    ),
    "without_geometry": ("noted", "{count} 行没有图形", "{count} rows have no geometry"),
    "all_swapped": (
        "noted",
        "{count} 行的横纵坐标看来都颠倒了：请对调 x 列与 y 列",
        "{count} rows look swapped: the columns for x and y seem to have been exchanged",
    ),
    "reader_warning": ("noted", "读取时的提示：{words}", "The reader warned: {words}"),
    "ignored_files": (
        "noted",
        "压缩包中的其他文件未读取：{names}",
        "Other files of the archive were not read: {names}",
    ),
}

CODES: dict[str, tuple[Kind, str, str]] = ROWS | FILES

WANTED_ZH = {"point": "点", "line": "线", "polygon": "面"}


def found(row: int | None, code: str, was: object = "", now: object = "", **facts: Any) -> Finding:
    """Make a finding of this table; ``facts`` fill its words."""
    kind, zh, en = CODES[code]
    return Finding(row, kind, code, zh.format(**facts), en.format(**facts), _shown(was), _shown(now))


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:199] + "…"

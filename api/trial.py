"""What a start with HTTPS says to the people in front of it: the addresses to type, and what a phone will ask."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

from api import https
from api.console import out
from gisops import certificates
from gisops.certificates import Held
from gisops.errors import GisopsError
from gisops.settings import Settings

log = logging.getLogger(__name__)

# How often the machine's addresses are looked at again while the server runs: a laptop goes from network to network.
_LOOK_AGAIN_S = 300.0
_SHOWN_ADDRESSES = 4
_TRUST = """
[bold]试用证书 / Certificate of a trial[/] → {ends}
  手机会警告“您的连接不是私密连接”：证书是本机自签的。“高级 → 继续前往”后地图和定位可用；要离线使用，须信任根证书：
  Phones warn "Your connection is not private": this machine signed the certificate itself. "Advanced → Proceed" gives
  the map and the position; to work offline as well, trust the root certificate:
  1. 先看指纹：与手机上显示的不同，就不要安装；装好才显示的，立即删除 / first the fingerprint, as the phone shows it:
     not the same: do not install; where it is shown only once installed, remove it at once (SHA-256):
     {print}
  2. 在手机上打开（“继续前往”之后）/ open on the phone, after "Proceed": {root}
     打不开时 / if it does not open: {plain}
     或用数据线传送 / or carry over by cable: {file}
  3. Android: 设置 → 安全 → 加密与凭据 → 安装证书 → CA 证书
              Settings → Security → Encryption & credentials → Install a certificate → CA certificate
     iPhone:  设置 → 已下载描述文件 → 安装；再到 通用 → 关于本机 → 证书信任设置 打开
              Settings → Profile Downloaded → Install; General → About → Certificate Trust Settings → on
  根证书只能担保网站，且只限证书上的名称和地址；得到其私钥者可冒充它们，试用后从手机删除。正式运行用正式证书：
  It vouches for web sites at the names and addresses in the certificate only; whoever has its key can stand in for
  those: remove it from phones afterwards. For real work, a real certificate:
  docs/howto/serve-over-https.md"""


def begin(settings: Settings) -> Held | None:
    """The certificate of this start, or None where the server speaks no HTTPS. Raises ``NotReady``."""
    if not certificates.asked_for(settings):
        return None
    held = certificates.ready(settings)
    https.check(settings)
    if certificates.made_here(settings):
        threading.Thread(target=_look_again, args=[settings], daemon=True).start()
    return held


def say(held: Held, listening: socket.socket) -> None:
    """Print how others reach the server, and for a trial what their browsers will say and how they come to trust it."""
    here, port = listening.getsockname()[:2]
    near = ipaddress.ip_address(here).is_loopback
    for address in _reached(held, here)[:_SHOWN_ADDRESSES]:
        out.print(f"  https://{address}:{port}/   [bold]手机与其他电脑 / phones and other machines[/]")
    if near:
        out.print(
            "  [yellow]只有本机能打开；要让手机打开 / Only this machine can open it; for phones: GISOPS_HOST=0.0.0.0[/]"
        )
    if held.root is None:
        out.print(f"  证书 / certificate: {', '.join(held.names)}; → {held.ends:%Y-%m-%d}")
        if held.ends - datetime.now(UTC) < timedelta(days=14):
            out.print("  [yellow]证书快到期了 / The certificate ends soon: renew it.[/]")
        return
    if held.new_root:
        out.print(
            "  [yellow]根证书是新的：信任过旧根证书的手机要再信任一次 / The root is new: phones trust it anew.[/]"
        )
    root = f"{_reached(held, here)[0] if not near else 'localhost'}:{port}{https.ROOT_PATH}"
    out.print(
        _TRUST.format(
            ends=f"{held.ends:%Y-%m-%d}",
            root=f"https://{root}",
            plain=f"http://{root}",
            file=held.root,
            print=f"{held.root_fingerprint[:47]}\n     {held.root_fingerprint[48:]}",
        )
    )


def _reached(held: Held, here: str) -> list[str]:
    """Addresses by which others reach a socket, as the certificate has them."""
    if ipaddress.ip_address(here).is_loopback:
        return []
    every = ipaddress.ip_address(here).is_unspecified
    version = ipaddress.ip_address(here).version
    found = [
        str(one) if one.version == 4 else f"[{one}]"
        for one in certificates.local_addresses()
        if not one.is_loopback and (version == 6 or one.version == 4) and (every or str(one) == here)
    ]
    return found or [name for name in held.names if name != "localhost"][:1]


def _look_again(settings: Settings) -> None:
    """Keep the certificate fit for the addresses this machine has now; the web processes notice the new file."""
    while True:
        time.sleep(_LOOK_AGAIN_S)
        try:
            held = certificates.ready(settings)
        except GisopsError as error:
            log.warning("%s", error)
            continue
        if held.new_root:
            log.warning("a new root certificate was made: phones have to trust it anew (%s)", held.root_fingerprint)

"""Posts that the sample's people hold, and how a person without a name is called."""

from __future__ import annotations

# Post -> Chinese, English, role.
POSTS = {
    "mayor": ("值班领导", "Duty leader", "leader"),
    "clerk": ("综合值班员", "General duty clerk", "coordinator"),
    "centre_head": ("指挥中心主任", "Head of the centre", "leader"),
    "shift_leader": ("值班长", "Shift leader", "shift_leader"),
    "dispatcher": ("派遣员", "Dispatcher", "dispatcher"),
    "acceptor": ("受理员", "Acceptor", "acceptor"),
    "supervisor": ("监督员", "Supervisor", "supervisor"),
    "street_head": ("街道网格长", "Head of the street's grid", "leader"),
    "officer": ("网格员", "Grid officer", "officer"),
    "community_head": ("社区网格长", "Head of the community's grid", "leader"),
    "bureau_head": ("科长", "Head of section", "leader"),
    "inspector": ("督办员", "Inspector", "inspector"),
    "squad_head": ("中队长", "Squad leader", "leader"),
    "squad": ("执法队员", "Enforcement officer", "officer"),
    "manager": ("抢修主管", "Repair manager", "leader"),
    "handler": ("抢修员", "Repair worker", "handler"),
    "keeper": ("养护员", "Keeper", "handler"),
}

"""The words of the pages that every kit has, in English and Chinese side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "sign_in": ("Sign in", "登录"),
    "sign_out": ("Sign out", "退出登录"),
    "api_key": ("API key", "API 密钥"),
    "sign_in_why": (
        "This page is for people of your organisation, so it asks who you are.",
        "本页面仅供贵机构人员使用，因此需要确认您的身份。",
    ),
    "no_key": ("No key yet? Whoever runs this server makes one with", "还没有密钥？服务器管理员可用以下命令创建："),
    "wrong_key": (
        "This key is not known, has expired or was revoked.",
        "该密钥不存在、已过期或已被撤销。",
    ),
    "link_used": (
        "This link was used already or is too old. Start the server again for a new one.",
        "该链接已被使用或已过期。请重新启动服务器以获取新链接。",
    ),
    "skip": ("Skip to the content", "跳到正文"),
    "menu": ("Pages", "页面"),
    "other_language": ("中文", "English"),
    "switch_theme": ("Dark or light", "深色或浅色"),
    "back_home": ("Back to the start", "返回首页"),
    "error_400": ("That is not what this page expects", "请求内容不符合要求"),
    "error_403": ("Your key is not for this", "您的密钥没有此权限"),
    "error_404": ("There is nothing here", "页面不存在"),
    "error_409": ("That is no longer possible", "该操作已无法进行"),
    "error_429": ("Too busy at the moment", "当前过于繁忙"),
    "error_503": ("The database does not answer", "数据库没有响应"),
    "error_other": ("Something went wrong", "出了点问题"),
    "request_id": ("Request {id}", "请求编号 {id}"),
}

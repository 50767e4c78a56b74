export interface NotJoined {
  /** Asks once more, from this page itself. */
  readonly retry: boolean;
  /** There was a token, and it opens nothing. */
  readonly wasRevoked: boolean;
}

/** What somebody sees who has no cookie: what to do, in both languages of the page. No script, no style: the policy allows none inline. */
export function notJoinedPage({ retry, wasRevoked }: NotJoined): string {
  const [english, chinese] = wasRevoked
    ? [
        "Your link no longer works: it was revoked, or replaced by a newer one. Ask whoever invited you for a new one.",
        "您的链接已失效(已撤销或已更换)。请向邀请您的人索取新链接。",
      ]
    : [
        "Open the personal link that you were given. If you have none, ask whoever runs this page for one.",
        "请打开发给您的个人链接;如果没有,请向页面管理员索取。",
      ];
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">${retry ? '<meta http-equiv="refresh" content="0;url=/">' : ""}<title>Annotation</title></head>
<body><main><h1>401</h1><p>${english}</p><p lang="zh">${chinese}</p></main></body>
</html>
`;
}

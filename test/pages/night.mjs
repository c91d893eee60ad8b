// The states of twelve servers in the morning after a night in which several things went wrong.
const minute = 60_000;
const hour = 60 * minute;

/** @param {number} now milliseconds since the epoch */
export function night(now) {
  const startedAt = now - 19 * hour;
  const proxy = {
    ...{ version: "0.1.0", pid: 4242, startedAt, ready: true, readySince: startedAt + 2_000, store: {} },
    entries: [
      { kind: "started", at: startedAt },
      { kind: "ready", at: startedAt + 2_000 },
      { kind: "reloaded", at: now - 5.2 * hour, changes: { added: 0, changed: 1, removed: 0 } },
      {
        kind: "store",
        at: now - 1.5 * hour,
        until: now - 1.3 * hour,
        message: "The store in /var/lib/agent cannot be written (ENOSPC). Free space on its disk.",
      },
    ],
  };
  const renewalsOf = (every, offset, skip = () => false) => {
    const all = [];
    for (let at = startedAt + offset; at < now; at += every) if (!skip(at)) all.push([at, "expiry"]);
    return { renewals: all.slice(-24), renewalCount: all.length, firstRenewalAt: all[0]?.[0] };
  };
  const healthy = (server, issuer, every, offset, { kid, entries = [], skip } = {}) => {
    const history = { issuer, entries, dropped: 0, ...renewalsOf(every, offset, skip) };
    const issuedAt = history.renewals.at(-1)[0];
    const expiresAt = issuedAt + every * 1.15;
    const nextRefreshAt = issuedAt + every;
    return {
      server,
      state: "fresh",
      expiresAt,
      nextRefreshAt,
      ...(kid && { kid }),
      history: { ...history, issuedAt },
    };
  };
  const entra = "https://login.example/contoso/v2.0";
  const keycloak = "https://sso.example/realms/agents";
  const outage = { from: now - 4.62 * hour, to: now - 3.4 * hour };
  const failed = {
    ...{ kind: "failed", reasons: ["expiry"], code: "unavailable", count: 41 },
    message:
      'Server "crm": the token endpoint is not available (status 503). It is requested again after the pause; if this lasts, ask the operator of https://sso.example.',
    ...{ at: outage.from, lastAt: outage.to - 2 * minute, recoveredAt: outage.to },
  };
  const rotated = {
    kind: "key",
    reasons: ["expiry"],
    at: now - 5.2 * hour,
    lastAt: now - 5.2 * hour,
    recoveredAt: now - 5.2 * hour + 200,
    count: 1,
  };
  const secret = {
    kind: "secret",
    reasons: ["expiry"],
    at: now - 2.3 * hour,
    lastAt: now - 2.3 * hour,
    recoveredAt: now - 2.3 * hour + 300,
    count: 1,
  };
  const store = {
    ...{ kind: "store", reasons: ["expiry"], code: "store_unavailable", count: 2 },
    ...{ at: now - 1.5 * hour, lastAt: now - 1.35 * hour, recoveredAt: now - 1.3 * hour },
    message: "The store in /var/lib/agent cannot be written (ENOSPC). Free space on its disk.",
  };
  const during = (at) => at > outage.from - 20 * minute && at < outage.to;
  const rejectedSince = now - 52 * minute;
  const message =
    'Server "billing": the authorization server rejected the client (invalid_client). The secret in BILLING_SECRET is not the one that it knows. Compare it with the registration of the client "agent-42".';
  const billing = {
    ...{
      server: "billing",
      state: "cooldown",
      expiresAt: now - 21 * minute,
      nextRefreshAt: now + 4 * minute,
    },
    lastError: { code: "token_request_rejected", message, findings: ["client_secret_wrong"] },
    history: {
      ...{ issuer: entra, dropped: 0 },
      ...renewalsOf(55 * minute, 7 * minute, (at) => at > rejectedSince),
      entries: [
        secret,
        {
          ...{
            kind: "failed",
            reasons: ["expiry"],
            code: "token_request_rejected",
            oauthError: "invalid_client",
          },
          ...{
            message,
            at: rejectedSince,
            lastAt: now - 1 * minute,
            count: 14,
            pausedUntil: now + 4 * minute,
          },
        },
      ],
    },
  };
  const search = healthy("search", keycloak, 30 * minute, 3 * minute, {
    entries: [
      { kind: "rejected", reasons: ["rejected"], at: now - 9 * minute, lastAt: now - 2 * minute, count: 4 },
    ],
  });
  const calendar = healthy("calendar", entra, 55 * minute, 12 * minute);
  const wiki = {
    ...{ server: "wiki", state: "asleep", expiresAt: now - 7 * hour },
    history: {
      ...{ issuer: keycloak, entries: [], dropped: 0 },
      ...renewalsOf(hour, 0, (at) => at > now - 8 * hour),
    },
  };
  return {
    proxy,
    servers: [
      billing,
      { ...search, rejectedAt: now - 2 * minute },
      {
        ...calendar,
        lastError: {
          code: "timeout",
          message: `Server "calendar": the token request took longer than 10 s. It is tried again before the token expires.`,
          findings: [],
        },
        history: {
          ...calendar.history,
          entries: [
            {
              kind: "failed",
              reasons: ["expiry"],
              code: "timeout",
              count: 3,
              at: now - 6 * minute,
              lastAt: now - minute,
            },
          ],
        },
      },
      healthy("crm", keycloak, 25 * minute, 0, {
        kid: "agent-2026-11",
        entries: [rotated, failed],
        skip: during,
      }),
      healthy("deployments", keycloak, 25 * minute, 9 * minute, {
        kid: "agent-2026-11",
        entries: [rotated, { ...failed }],
        skip: during,
      }),
      healthy("documents", entra, 55 * minute, 30 * minute),
      healthy("inventory", entra, 55 * minute, 41 * minute, { entries: [store] }),
      healthy("logs", "https://auth.logs.example", 10 * minute, 4 * minute),
      healthy("mail", entra, 55 * minute, 50 * minute),
      { server: "payroll", state: "none" },
      healthy("tickets", keycloak, 30 * minute, 14 * minute, {
        entries: [{ ...failed, count: 38 }],
        skip: during,
      }),
      wiki,
    ],
  };
}

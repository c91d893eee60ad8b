import { systemClock } from "../../../src/lib/clock.js";
import { History } from "../../../src/proxy/status/history.js";
import { StatusPage } from "../../../src/proxy/status/status-page.js";

/** A status page of a proxy without servers. */
export function emptyStatusPage(): StatusPage {
  return new StatusPage({
    ...{ clock: systemClock, startedAt: 1, statuses: () => [], store: () => undefined },
    history: new History({ on: () => () => {} }, () => true, systemClock.now),
    readiness: () => ({ ready: true, since: 1 }),
  });
}

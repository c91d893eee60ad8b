import { afterEach, expect, test, vi } from "vitest";

// The sources of the page are compiled with the types of a browser, which the tests do not have.
const source: string = "../../../../../src/proxy/status/page/connection.ts";
const { Connection } = (await import(source)) as {
  readonly Connection: new (
    token: string,
    handlers: { onState: (state: { readonly kind: string }) => void; onEvent: () => void },
  ) => { open(): void; close(): void };
};

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A connection in a browser that only has what it needs. No proxy answers. */
function open() {
  vi.useFakeTimers();
  const page = { hidden: false, listeners: new Set<() => void>() };
  vi.stubGlobal("document", {
    get hidden() {
      return page.hidden;
    },
    addEventListener: (_name: string, listener: () => void) => page.listeners.add(listener),
    removeEventListener: (_name: string, listener: () => void) => page.listeners.delete(listener),
  });
  const requests: string[] = [];
  vi.stubGlobal("fetch", async (path: string) => {
    requests.push(path);
    throw new TypeError("Failed to fetch");
  });
  const states: string[] = [];
  const connection = new Connection("token", { onState: ({ kind }) => states.push(kind), onEvent: () => {} });
  connection.open();
  const show = (isShown: boolean): void => {
    page.hidden = !isShown;
    for (const listener of page.listeners) listener();
  };
  return { connection, page, requests, states, show };
}

test("a page that is hidden for five minutes makes no more tries until somebody looks at it", async () => {
  const { requests, states, show } = open();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(requests.length).toBeGreaterThan(3);
  expect(states.slice(0, 2)).toEqual(["connecting", "lost"]);
  show(false);
  await vi.advanceTimersByTimeAsync(5 * 60_000);
  const before = requests.length;
  await vi.advanceTimersByTimeAsync(24 * 3_600_000);
  expect(requests).toHaveLength(before);
  show(true);
  await vi.advanceTimersByTimeAsync(0);
  expect(requests).toHaveLength(before + 1);
});

test("a connection that is closed leaves no timer and no listener", async () => {
  const { connection, page, show } = open();
  await vi.advanceTimersByTimeAsync(10_000);
  show(false);
  connection.close();
  expect([vi.getTimerCount(), page.listeners.size]).toEqual([0, 0]);
});

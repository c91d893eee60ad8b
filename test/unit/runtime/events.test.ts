import { channel } from "node:diagnostics_channel";
import { describe, expect, onTestFinished, test } from "vitest";
import { Events, type Logger } from "../../../src/runtime/events.js";
import type { TokenEvent } from "../../../src/tokens/token-event.js";

const event = (): TokenEvent => ({ server: "crm", issuer: undefined, reason: "demand", durationMs: 1 });

function recording(): { logger: Logger; logged: unknown[][] } {
  const logged: unknown[][] = [];
  const at =
    (level: string) =>
    (...line: unknown[]) =>
      void logged.push([level, ...line]);
  return { logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, logged };
}

describe("listeners", () => {
  test("listeners get only their event, in the order in which they were added, as a frozen object", () => {
    const events = new Events(undefined);
    const heard: unknown[] = [];
    events.on("token:renewed", (payload) => heard.push(["first", payload, Object.isFrozen(payload)]));
    events.on("token:renewed", (payload) => heard.push(["second", payload]));
    events.on("token:failed", () => heard.push("never"));
    events.emit("token:renewed", event());
    expect(heard).toEqual([
      ["first", event(), true],
      ["second", event()],
    ]);
  });

  test("a listener that was added twice is called twice, and each remove function removes it once", () => {
    const events = new Events(undefined);
    let heard = 0;
    const listener = () => {
      heard += 1;
    };
    const [first, second] = [events.on("token:renewed", listener), events.on("token:renewed", listener)];
    events.emit("token:renewed", event());
    first();
    events.emit("token:renewed", event());
    second();
    second();
    events.emit("token:renewed", event());
    expect(heard).toBe(3);
  });

  test("a listener that is added or removed during an event takes effect with the next event", () => {
    const events = new Events(undefined);
    const heard: string[] = [];
    const late = () => heard.push("late");
    events.on("token:renewed", () => {
      heard.push("early");
      removeOther();
      events.on("token:renewed", late);
    });
    const removeOther = events.on("token:renewed", () => heard.push("other"));
    events.emit("token:renewed", event());
    expect(heard).toEqual(["early", "other"]);
    events.emit("token:renewed", event());
    expect(heard.slice(2)).toEqual(["early", "late"]);
  });

  test.each<[what: string, thrown: unknown, name: string]>([
    ["an error", new TypeError("canary"), "TypeError"],
    ["a string", "canary", "string"],
    ["nothing", undefined, "undefined"],
  ])(
    "a listener that throws or rejects with %s is logged with the name of the error, without its message",
    async (_, thrown, name) => {
      const { logger, logged } = recording();
      const events = new Events(logger);
      events.on("token:failed", () => {
        throw thrown;
      });
      events.on("token:failed", async () => {
        throw thrown;
      });
      events.emit("token:failed", event());
      await new Promise((resolve) => setImmediate(resolve));
      const complaints = logged.filter(([level]) => level === "error");
      expect(complaints).toEqual([
        ["error", { event: "token:failed", error: name }, "A listener threw."],
        ["error", { event: "token:failed", error: name }, "A listener threw."],
      ]);
    },
  );
});

test("each event is logged at its level with its fields", () => {
  const { logger, logged } = recording();
  const events = new Events(logger);
  const names = [
    "token:renewed",
    "token:warning",
    "token:failed",
    "token:rejected",
    "token:cooldown",
  ] as const;
  for (const name of names) events.emit(name, event());
  expect(logged).toEqual([
    ["debug", { event: "token:renewed", ...event() }, "token:renewed"],
    ["warn", { event: "token:warning", ...event() }, "token:warning"],
    ["warn", { event: "token:failed", ...event() }, "token:failed"],
    ["info", { event: "token:rejected", ...event() }, "token:rejected"],
    ["warn", { event: "token:cooldown", ...event() }, "token:cooldown"],
  ]);
});

test("events are published on node:diagnostics_channel", () => {
  const published: unknown[] = [];
  const subscriber = (message: unknown, name: unknown) => void published.push([name, message]);
  channel("mcp-auth:token:cooldown").subscribe(subscriber);
  onTestFinished(() => void channel("mcp-auth:token:cooldown").unsubscribe(subscriber));
  new Events(undefined).emit("token:cooldown", event());
  expect(published).toEqual([["mcp-auth:token:cooldown", event()]]);
});

import { expect, test } from "vitest";
import { type PollAnswer, poll } from "../../../../src/oauth/device-flow/poll.js";
import { fakeClock } from "../../../support/fake-clock.js";

/** Polls with these answers, the last one again and again. Returns the seconds at which it asked. */
function polling(answers: readonly PollAnswer<string>[], { interval = 5, lifetime = 600 } = {}) {
  const clock = fakeClock();
  const start = clock.now();
  const asked: number[] = [];
  const interrupt = new AbortController();
  const outcome = poll(
    async () => {
      asked.push((clock.now() - start) / 1_000);
      return answers[asked.length - 1] ?? answers.at(-1) ?? { kind: "authorization_pending" };
    },
    {
      ...{ interval: interval * 1_000, expiresAt: start + lifetime * 1_000, clock },
      signal: interrupt.signal,
    },
  );
  return { clock, asked, outcome, interrupt };
}

const pending = { kind: "authorization_pending" } as const;
const slowDown = { kind: "slow_down" } as const;
const failed = { kind: "failed" } as const;
const done = { kind: "done", value: "token" } as const;

test("the device flow asks at the interval of the server until it gets the tokens", async () => {
  const { clock, asked, outcome } = polling([pending, pending, done], { interval: 7 });
  await clock.advance(60_000);
  expect([await outcome, asked]).toEqual([done, [7, 14, 21]]);
});

test("each slow_down adds five seconds to the interval for good", async () => {
  const { clock, asked, outcome } = polling([slowDown, pending, slowDown, pending, done]);
  await clock.advance(120_000);
  expect([await outcome, asked]).toEqual([done, [5, 15, 25, 40, 55]]);
});

test("the pause doubles after each temporary failure, up to a minute, and a pending answer ends that", async () => {
  const { clock, asked, outcome } = polling([failed, failed, failed, failed, pending, done]);
  await clock.advance(600_000);
  expect([await outcome, asked]).toEqual([done, [5, 15, 35, 75, 135, 140]]);
});

test("a failed request is repeated when the server says so", async () => {
  const { clock, asked } = polling([{ kind: "failed", retryAfter: 90_000 }, done]);
  await clock.advance(200_000);
  expect(asked).toEqual([5, 95]);
});

test("the device flow ends when the code has expired, and does not ask at that moment", async () => {
  const { clock, asked, outcome } = polling([pending], { lifetime: 12 });
  await clock.advance(60_000);
  expect([await outcome, asked]).toEqual([{ kind: "expired" }, [5, 10]]);
});

test("an abort ends the pause at once", async () => {
  const { clock, asked, outcome, interrupt } = polling([pending]);
  await clock.advance(6_000);
  interrupt.abort();
  expect([await outcome, asked]).toEqual([{ kind: "aborted" }, [5]]);
});

test("an error that is not temporary ends the device flow", async () => {
  const clock = fakeClock();
  const outcome = poll(() => Promise.reject(new Error("refused")), {
    ...{ interval: 1_000, expiresAt: clock.now() + 60_000, clock, signal: new AbortController().signal },
  });
  outcome.catch(() => {});
  await clock.advance(2_000);
  await expect(outcome).rejects.toThrow("refused");
});

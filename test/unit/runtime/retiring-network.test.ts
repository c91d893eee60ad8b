import { expect, test } from "vitest";
import type { TlsIdentity } from "../../../src/net/client-certificate.js";
import type { Network } from "../../../src/net/network.js";
import { retiringNetwork } from "../../../src/runtime/retiring-network.js";
import { deferred } from "../../support/deferred.js";

/** Networks that answer when told, and what has become of each that was opened. */
function world() {
  const opened: { closed: boolean; sent: string[] }[] = [];
  const answers: ReturnType<typeof deferred<Response>>[] = [];
  const open = (): Network => {
    const state = { closed: false, sent: [] as string[] };
    opened.push(state);
    const send =
      (how: string): Network["fetch"] =>
      async (input) => {
        if (state.closed) throw new Error("It is closed.");
        state.sent.push(`${how} ${String(input)}`);
        const answer = deferred<Response>();
        answers.push(answer);
        return await answer.promise;
      };
    return {
      fetch: send("plain"),
      fetchAs: () => send("identified"),
      async close() {
        state.closed = true;
      },
    };
  };
  const network = retiringNetwork(open);
  const answer = (index: number) => answers[index]?.resolve(new Response(null));
  return { network, opened, answers, answer, closed: () => opened.map((each) => each.closed) };
}

// None is looked into.
const identity = {} as TlsIdentity;

test("is closed when the last request that was under way has been answered", async () => {
  const { network, answer, closed } = world();
  const calls = [network.fetch("https://a.example/"), network.fetchAs(identity)("https://b.example/")];
  await Promise.resolve();
  network.retire();
  expect(closed()).toEqual([false]);
  answer(1);
  await calls[1];
  expect(closed()[0]).toBe(false);
  answer(0);
  await calls[0];
  expect(closed()[0]).toBe(true);
});

test("is closed at once when there are none, and by a request that fails too", async () => {
  const idle = world();
  idle.network.retire();
  expect(idle.closed()[0]).toBe(true);
  const { network, answers, closed } = world();
  const call = network.fetch("https://a.example/").catch((error: Error) => error.message);
  network.retire();
  await Promise.resolve();
  answers[0]?.reject(new Error("reset"));
  expect(await call).toBe("reset");
  expect(closed()[0]).toBe(true);
});

test("opens again for what a call that began before still sends, and closes after it", async () => {
  const { network, opened, answer, closed } = world();
  const fetchAs = network.fetchAs(identity);
  network.retire();
  const call = fetchAs("https://a.example/again");
  expect(closed()).toEqual([true, false]);
  expect(opened[1]?.sent).toEqual(["identified https://a.example/again"]);
  answer(0);
  await call;
  expect(closed().slice(0, 2)).toEqual([true, true]);
});

test("is the same one throughout while nothing replaces it", async () => {
  const { network, opened, answer, closed } = world();
  for (const index of [0, 1, 2]) {
    const call = network.fetch("https://a.example/");
    answer(index);
    await call;
  }
  expect(opened[0]?.sent).toHaveLength(3);
  await network.close();
  expect(closed()).toEqual([true]);
});

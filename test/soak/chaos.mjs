// Makes the authorization servers fail at random and rotates credentials, until `end()` is called.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pass } from "node:timers/promises";

const failures = ["down", "slow", "500", "html", "broken", "busy", "reset", "silent"];

export function newCredential(kind) {
  if (kind === "secret") return { text: randomBytes(16).toString("hex") };
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const kid = randomBytes(4).toString("hex");
  const jwk = { ...privateKey.export({ format: "jwk" }), kid };
  return { text: JSON.stringify(jwk), key: { ...publicKey.export({ format: "jwk" }), kid } };
}

/** The message that registers a credential at the server. */
export function registration(id, { text, key }) {
  return { register: key === undefined ? { id, secret: text } : { id, key } };
}

/** Writes the file in place, as editors do, or replaces it as a whole, as Kubernetes does. */
async function writeCredential(folder, { id }, { text }, inPlace) {
  const path = join(folder, id);
  if (inPlace) return await writeFile(path, text);
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

export function startChaos({ clients, issuers, folder, send, dice }) {
  const ending = new AbortController();
  let untilResumed = Promise.resolve();
  const { signal } = ending;

  async function authorizationServer(issuer) {
    while (!signal.aborted) {
      await untilResumed;
      const kind = dice.chance(0.5) ? "up" : dice.oneOf(failures);
      // A slow response is within the timeout of one second; a silent server is beyond it.
      const mode =
        kind === "silent" ? { kind: "slow", delay: 3_000 } : { kind, delay: dice.between(50, 900) };
      send({ issuer, mode });
      await pass(dice.between(300, 6_000), undefined, { signal }).catch(() => {});
    }
    send({ issuer, mode: { kind: "up" } });
  }

  /**
   * Rotates one credential after another. The server learns the new one at the same time as the file, or a little
   * before or after it. First each credential is rotated once, because the runtime keeps the previous key and the heap
   * must not grow later because of that.
   */
  async function rotateCredentials() {
    for (const client of clients) await rotate(client, 0, 20);
    while (!signal.aborted) {
      const lag = dice.oneOf([0, dice.between(10, 400)]);
      await rotate(dice.oneOf(clients), lag, dice.between(20, 150));
    }
  }

  async function rotate(client, lag, interval) {
    const credential = newCredential(client.kind);
    const steps = [
      () => send(registration(client.id, credential)),
      () => writeCredential(folder, client, credential, dice.chance(0.5)),
    ];
    if (dice.chance(0.5)) steps.reverse();
    await steps[0]();
    await pass(lag);
    await steps[1]();
    await pass(interval, undefined, { signal }).catch(() => {});
  }

  const running = Promise.all([
    rotateCredentials(),
    ...Array.from({ length: issuers }, (_, i) => authorizationServer(i)),
  ]);
  return {
    /** Lets all servers work normally until the returned function is called. */
    pause() {
      const { promise, resolve } = withResolvers();
      untilResumed = promise;
      for (let issuer = 0; issuer < issuers; issuer += 1) send({ issuer, mode: { kind: "up" } });
      return resolve;
    },
    async end() {
      ending.abort();
      await running;
    },
  };
}

/** `Promise.withResolvers` came with Node 22. */
function withResolvers() {
  let resolve;
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

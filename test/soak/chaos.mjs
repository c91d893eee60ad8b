// What befalls the authorization servers and the credentials, until it is told to end.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pass } from "node:timers/promises";

const troubles = ["down", "slow", "500", "html", "broken", "busy", "reset", "silent"];

export function newCredential(kind) {
  if (kind === "secret") return { text: randomBytes(16).toString("hex") };
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const kid = randomBytes(4).toString("hex");
  const jwk = { ...privateKey.export({ format: "jwk" }), kid };
  return { text: JSON.stringify(jwk), key: { ...publicKey.export({ format: "jwk" }), kid } };
}

/** The server's side of a credential. */
export function registration(id, { text, key }) {
  return { register: key === undefined ? { id, secret: text } : { id, key } };
}

/** Written in place or put in place whole, as editors and Kubernetes do it. */
async function write(folder, { id }, { text }, inPlace) {
  const path = join(folder, id);
  if (inPlace) return await writeFile(path, text);
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

export function chaos({ clients, issuers, folder, tell, dice }) {
  const ending = new AbortController();
  let calm = Promise.resolve();
  const { signal } = ending;

  async function authorizationServer(issuer) {
    while (!signal.aborted) {
      await calm;
      const kind = dice.chance(0.5) ? "up" : dice.oneOf(troubles);
      // Within the timeout of a second, or beyond it.
      const mode =
        kind === "silent" ? { kind: "slow", delay: 3_000 } : { kind, delay: dice.between(50, 900) };
      tell({ issuer, mode });
      await pass(dice.between(300, 6_000), undefined, { signal }).catch(() => {});
    }
    tell({ issuer, mode: { kind: "up" } });
  }

  /**
   * One at a time: the server knows the new one at once, a little before or a little after it is in the file. All of them
   * once in the first seconds, because of each key the one before is kept.
   */
  async function rotations() {
    for (const client of clients) await rotate(client, 0, 20);
    while (!signal.aborted) {
      const lag = dice.oneOf([0, dice.between(10, 400)]);
      await rotate(dice.oneOf(clients), lag, dice.between(20, 150));
    }
  }

  async function rotate(client, lag, interval) {
    const credential = newCredential(client.kind);
    const steps = [
      () => tell(registration(client.id, credential)),
      () => write(folder, client, credential, dice.chance(0.5)),
    ];
    if (dice.chance(0.5)) steps.reverse();
    await steps[0]();
    await pass(lag);
    await steps[1]();
    await pass(interval, undefined, { signal }).catch(() => {});
  }

  const running = Promise.all([
    rotations(),
    ...Array.from({ length: issuers }, (_, i) => authorizationServer(i)),
  ]);
  return {
    /** All is well until the function it gives is called. */
    rest() {
      const { promise, resolve } = withResolvers();
      calm = promise;
      for (let issuer = 0; issuer < issuers; issuer += 1) tell({ issuer, mode: { kind: "up" } });
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

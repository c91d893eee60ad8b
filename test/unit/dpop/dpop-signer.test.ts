import { inspect } from "node:util";
import { decodeJwt } from "jose";
import { describe, expect, test } from "vitest";
import { createDpopSigner } from "../../../src/dpop/dpop-signer.js";
import { generateEphemeralKey } from "../../../src/dpop/ephemeral-key.js";
import { McpAuthError } from "../../../src/errors/error.js";
import type { SigningKey } from "../../../src/keys/signing-key.js";
import { fakeClock } from "../../support/fake-clock.js";

const target = { method: "POST", url: "https://mcp.example/mcp" };

async function signerThat(sign: SigningKey["sign"]) {
  const { jwk } = await generateEphemeralKey("ES256");
  return createDpopSigner({ alg: "ES256", jwk, sign }, { clock: fakeClock(), server: "crm" });
}

describe("createDpopSigner", () => {
  test("a DPoP signer dates a proof five seconds before the time of its clock, in whole seconds", async () => {
    const clock = fakeClock(1_767_225_600_999);
    const dpopSigner = createDpopSigner(await generateEphemeralKey("ES256"), { clock, server: "crm" });
    const issuedAt = async () => decodeJwt(await dpopSigner.proof(target)).iat;
    expect(await issuedAt()).toBe(1_767_225_595);
    clock.jump(1);
    expect(await issuedAt()).toBe(1_767_225_596);
  });

  test("a DPoP signer uses the time of the server that the proof is for, if it is given", async () => {
    const dpopSigner = createDpopSigner(await generateEphemeralKey("ES256"), {
      clock: fakeClock(),
      server: "crm",
    });
    const proof = await dpopSigner.proof({ ...target, time: { now: () => 1_000_999 } });
    expect(decodeJwt(proof).iat).toBe(995);
  });

  test("a DPoP signer passes the caller's signal to the key", async () => {
    const dpopSigner = await signerThat(async (_header, _claims, signal) => `${signal?.aborted}`);
    expect(await dpopSigner.proof({ ...target, signal: AbortSignal.abort() })).toBe("true");
  });

  test("a DPoP signer hides the error of a key, which may contain the key", async () => {
    const dpopSigner = await signerThat(() => Promise.reject(new Error("canary")));
    const error: unknown = await dpopSigner.proof(target).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "key_invalid", server: "crm", retryable: false });
    expect(`${inspect(error, { depth: 9 })}${JSON.stringify(error)}`).not.toContain("canary");
  });

  test("a DPoP signer passes on the McpAuthError of an external signer", async () => {
    const unavailable = new McpAuthError("signer_unavailable", "It does not answer.", { server: "crm" });
    const dpopSigner = await signerThat(() => Promise.reject(unavailable));
    await expect(dpopSigner.proof(target)).rejects.toBe(unavailable);
  });
});

import { expect } from "vitest";
import type { ArrivedRequest } from "../../support/stand-in/expected-request.js";
import { buildExpected, mutations } from "../../support/stand-in/mutations.js";
import type { Product } from "../../support/stand-in/product.js";
import { startHosts } from "../../support/stand-in/product-hosts.js";
import { type ClientTls, sendRaw } from "../../support/stand-in/send-raw.js";

/** Sends each expected request with each change, and checks that the stand-in refuses it because of that change. */
export async function checkStrictness(product: Product, config: string): Promise<number> {
  await using hosts = await startHosts(product, config);
  const { mutualTls } = product;
  const ca = mutualTls?.authority.certificate;
  const tls = (issued?: {
    readonly certificate: string;
    readonly privateKey: string;
  }): ClientTls | undefined =>
    ca === undefined
      ? undefined
      : { ca, ...(issued && { cert: issued.certificate, key: issued.privateKey }) };
  let count = 0;
  for (const request of product.requests) {
    const expected = hosts.expected(request);
    const origin = hosts.local(new URL(request.url).origin);
    const judge = async (sent: ArrivedRequest, client = tls(mutualTls?.own), to = origin) => {
      const status = await sendRaw(to, sent, client);
      return { status, differences: hosts.seen.at(-1)?.differences };
    };
    const accepted = { status: 200, differences: [] };
    // Otherwise a stand-in that refuses everything would do.
    expect(await judge(await buildExpected(expected))).toEqual(accepted);
    for (const { name, difference, request: mutated } of await mutations(expected)) {
      const refused = {
        status: 400,
        differences: expect.arrayContaining([expect.stringContaining(difference)]),
      };
      expect({ name, ...(await judge(mutated)) }).toEqual({ name, ...refused });
      count += 1;
    }
    for (const other of hosts.origins.filter((one) => one !== origin)) {
      const answer = await judge(await buildExpected(expected), undefined, other);
      expect({ other, ...answer }).toMatchObject({ status: 400 });
    }
    const usesJwt = request.form?.some(([, value]) => typeof value !== "string");
    if (usesJwt) {
      const once = await buildExpected(expected);
      expect(await judge(once)).toEqual(accepted);
      const reused = { status: 400, differences: [expect.stringContaining("claim jti")] };
      expect(await judge(once)).toEqual(reused);
    }
    if (mutualTls !== undefined) {
      const refused = { status: 400, differences: ["certificate"] };
      expect(await judge(await buildExpected(expected), tls())).toEqual(refused);
      expect(await judge(await buildExpected(expected), tls(mutualTls.another))).toEqual(refused);
    }
    expect(await judge(await buildExpected(expected))).toEqual(accepted);
  }
  return count;
}

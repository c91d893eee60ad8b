import { describe, expect, test } from "vitest";
import { documents, snippets } from "../support/snippets.js";
import { adfs } from "./providers/adfs.js";
import { auth0 } from "./providers/auth0.js";
import { authentik } from "./providers/authentik.js";
import { checkCommands } from "./providers/check-commands.js";
import { checkStrictness } from "./providers/check-strictness.js";
import { ci } from "./providers/ci.js";
import { cognito } from "./providers/cognito.js";
import { curity } from "./providers/curity.js";
import { databricks } from "./providers/databricks.js";
import { entra } from "./providers/entra.js";
import { google } from "./providers/google.js";
import { keycloak } from "./providers/keycloak.js";
import { kubernetes } from "./providers/kubernetes.js";
import { okta } from "./providers/okta.js";
import { ping } from "./providers/ping.js";
import { runProduct } from "./providers/run-product.js";
import { saas } from "./providers/saas.js";
import { sap } from "./providers/sap.js";
import { spiffe } from "./providers/spiffe.js";
import { zitadel } from "./providers/zitadel.js";

const root = new URL("../../", import.meta.url);
const marked = documents(root)
  .filter((page) => page.startsWith("docs/providers"))
  .flatMap((page) => snippets(root, page))
  .filter(({ language, mark }) => language === "json" && mark !== undefined);

const identityProviders = [adfs, ...auth0, ...authentik, cognito, curity, ...entra, ...keycloak, okta];
const products = [
  ...[...identityProviders, ...ping, zitadel],
  ...[...google, kubernetes, ...sap, ...spiffe],
  ...[...databricks, ...saas, ...ci],
];

function configOf(mark: string): string {
  const snippet = marked.find((one) => one.mark === mark);
  if (snippet === undefined) throw new Error(`No page has a config with the mark ${mark}.`);
  return snippet.code;
}

describe("the configs for products", () => {
  test("each config on the pages is the config of one product here", () => {
    expect(products.map(({ mark }) => mark).sort()).toEqual(marked.map(({ mark }) => mark).sort());
  });

  for (const product of products) {
    test(product.title, async () => {
      await runProduct(product, configOf(product.mark));
    });

    test(`the stand-in for ${product.mark} refuses every request with one change, and names the change`, async () => {
      expect(await checkStrictness(product, configOf(product.mark))).toBeGreaterThan(20);
    });
  }

  for (const product of products.filter(({ commands }) => commands !== undefined)) {
    test(`the commands for ${product.mark} fail with any other argument`, async () => {
      await checkCommands(product, configOf(product.mark));
    });
  }
});

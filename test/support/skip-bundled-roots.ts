// To trust an authority beside Node's own roots, Node parses all 144 of them, which takes 25 ms for each runtime. No
// server of the tests has a certificate of theirs, so the tests only parse the others.
import { syncBuiltinESMExports } from "node:module";
import tls from "node:tls";

const { createSecureContext } = tls;
// This module is evaluated for each test file, in a process that runs several.
const patched = Symbol.for("mcp-auth-runtime.skip-bundled-roots");
if (!Object.hasOwn(createSecureContext, patched)) {
  const bundled: ReadonlySet<unknown> = new Set(tls.rootCertificates);
  const withoutBundled: typeof createSecureContext = (options) => {
    const ca = options?.ca;
    return createSecureContext(
      Array.isArray(ca) ? { ...options, ca: ca.filter((each) => !bundled.has(each)) } : options,
    );
  };
  Object.defineProperty(withoutBundled, patched, { value: true });
  tls.createSecureContext = withoutBundled;
  syncBuiltinESMExports();
}

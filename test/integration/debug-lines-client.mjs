// Calls the MCP server of the config as often as its argument says, one call after the other.
import { createMcpAuth } from "../../dist/index.js";

const auth = await createMcpAuth();
const crm = auth.resolve("crm");
for (let call = 0; call < Number(process.argv[2]); call += 1) {
  await crm.fetch(crm.url).then(
    (response) => console.log(response.status),
    (error) => console.log(error.code),
  );
}
await auth.stop();

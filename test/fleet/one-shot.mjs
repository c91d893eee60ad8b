// Asks for one token, and has nothing more to do: it neither stops the runtime nor ends the process.
import { createMcpAuth } from "mcp-auth-runtime";

const auth = await createMcpAuth({ config: JSON.parse(process.env.FLEET_CONFIG) });
const [name] = auth.servers;
process.send(await auth.resolve(name).getAccessToken());
process.channel.unref();

/** The name of the method that `util.inspect` calls. It is `inspect.custom`, without the types of Node. */
export const customInspect: unique symbol = Symbol.for("nodejs.util.inspect.custom");

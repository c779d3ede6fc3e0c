// Engines other than V8 have no such limit, and a hardened one does not let it be written.
const isWritable = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit")?.writable === true

/**
 * Makes an error without a stack. Of an error that is a value, the stack shows the fiber's run loop and nothing of the
 * caller, and capturing it costs more than everything else that is done with an answer.
 */
export const stackless = <A>(make: () => A): A => {
  if (!isWritable) return make()
  const limit: unknown = Reflect.get(Error, "stackTraceLimit")
  Reflect.set(Error, "stackTraceLimit", 0)
  try {
    return make()
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit)
  }
}

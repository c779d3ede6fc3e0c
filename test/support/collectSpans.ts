import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

/** A tracer that keeps its spans, and views of them. */
export const collectSpans = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const path = ({ name, parent }: Tracer.NativeSpan) =>
    Option.isSome(parent) && parent.value._tag === "Span" ? `${parent.value.name} > ${name}` : name
  const isFailed = ({ status }: Tracer.NativeSpan) => status._tag === "Ended" && Exit.isFailure(status.exit)
  return {
    tracer,
    spans,
    /** Each span as `parent > name`, in the order in which they started. */
    tree: () => spans.map(path),
    /** The names of the spans that ended with a failure. */
    failed: () => spans.filter(isFailed).map(({ name }) => name),
    /** The names of the spans that have not ended. */
    open: () => spans.filter(({ status }) => status._tag !== "Ended").map(({ name }) => name),
    /** The attributes of every span with this name. */
    attributes: (name: string) =>
      spans.filter((span) => span.name === name).map((span) => Object.fromEntries(span.attributes))
  }
}

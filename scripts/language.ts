// `npm run lint:language`: reports words that have a plainer or a more standard equivalent. It reads the comments and
// strings of the project's .ts and .mjs files, the text of its .md files, and the names that src declares. Paths as
// arguments replace the project's own files.
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"

interface Rule {
  readonly pattern: RegExp
  readonly say: string
}

// A space in a pattern matches any white space, so that a phrase is found across a line break. Regular expressions are
// not prose: this file passes its own check.
const words: ReadonlyArray<Rule> = [
  { pattern: /\b(?:un)?answer(?:s|ed|ing|able)?\b/u, say: "response; or respond, return, reply" },
  { pattern: /\b(?:re)?t(?:ell(?:s|ing)?|old)\b/u, say: "report, notify, distinguish; or received" },
  { pattern: /\bunder way\b/u, say: "in flight" },
  { pattern: /\bmend(?:s|ed|ing)?\b/u, say: "fix" },
  { pattern: /\btaken\b/u, say: "accepted, read, used" },
  { pattern: /\bkept\b/u, say: "stored, held" },
  { pattern: /\bwho(?:m|se)?(?:so)?ever\b/u, say: "the subject: callers, users" },
  { pattern: /\b(?:those|ones?|he) whom?\b/u, say: "the subject: callers, users" },
  { pattern: /\b(?:no|some|any|every)body\b/u, say: "the subject: a caller, the server, a person" },
  {
    pattern: /\bof (?:its|their|his|her|our|your|my|one['’]s) own\b|\bone['’]s own\b/u,
    say: "separate, or nothing at all"
  },
  { pattern: /\bby (?:it|them|him|her|our|your|one)sel(?:f|ves)\b/u, say: "nothing at all" },
  { pattern: /\bany ?more\b(?! than)/u, say: "no longer, further; or nothing at all" },
  { pattern: /\bno more(?=[.,;:)])/u, say: "no longer" },
  { pattern: /\bslip(?:s|ped|ping)? past\b/u, say: "invalid at run time" },
  { pattern: /\bclocks? on the wall\b/u, say: "wall clock" },
  { pattern: /\bjudg(?:e[sd]?|ing|e?ments?)\b/u, say: "check" },
  {
    pattern: /\b(?:others|people|some(?:body|one) else) (?:have |had |has )?(?:write|wrote|written)\b/u,
    say: "third-party"
  },
  { pattern: /\bc(?:omes?|oming|ame) again\b/u, say: "is redelivered, arrives again" },
  { pattern: /\b(?:do|does|did)(?: not|n['’]t) come\b/u, say: "does not arrive" },
  { pattern: /(?<!\bthere (?:\w+ ){0,2})\b(?:is|was|be) no\b(?! (?:longer|more|less|fewer|such)\b)/u, say: "is not a" },
  { pattern: /\bnews\b/u, say: "a poll result" },
  { pattern: /\bsights?\b/u, say: "a poll result, the next state" },
  { pattern: /\bg(?:ives?|ave|iven|iving) (?:it |them )?up\b/u, say: "stop, fail, run out of attempts" },
  { pattern: /\bas (?:it|they) (?:is|are|was|were)\b/u, say: "unchanged, verbatim" },
  { pattern: /\bat hand\b/u, say: "available" },
  { pattern: /\b(?:to|can|cannot|could|not) be had\b/u, say: "available" },
  { pattern: /\bbeliev(?:es?|ed|ing)\b/u, say: "trust, accept, cache" },
  { pattern: /\bbef[ae]ll(?:s|en)?\b/u, say: "happens to" },
  { pattern: /\bspelt\b/u, say: "spelled" }
].map(({ pattern, say }) => ({ say, pattern: new RegExp(pattern.source.replaceAll(" ", "\\s+"), "giu") }))

/** Names that src must not declare, each with its replacement. Names with another good use are not listed. */
const names: ReadonlyMap<string, string> = new Map(
  Object.entries({
    Answer: "RawResponse",
    answerOf: "toRawResponse",
    Exchange: "SendOnce",
    makeExchange: "makeSendOnce",
    classifyGrant: "classifyTokenResponse",
    Grant: "CachedToken",
    obtain: "requestToken",
    isGood: "isUnexpired",
    servesFor: "timeToLive",
    renewalPause: "renewalRetryDelay",
    News: "PollResult",
    Sight: "NextState",
    sightsOf: "nextState",
    giveUp: "failPending",
    pollUnlessKnown: "pollIfUnsettled",
    patience: "deadline, timeout",
    patient: "honorRetryAfter",
    passing: "isTransient",
    unsent: "wasNotSent",
    retrying: "retryWith",
    unseen: "warnOfInterruption",
    untraced: "withoutClientSpan",
    withUpload: "uploadTimeout",
    withoutRedirects: "disableFetchRedirects",
    toReason: "toTransportReason",
    isHeldBack: "isEncodingFailure",
    said: "messages",
    readAgain: "readCachedText",
    stackless: "withoutStackTrace",
    timeLimit: "timeoutOrElse",
    readUpTo: "readAtMost",
    Evidence: "ResponseDetails",
    evidenceOf: "errorFieldsOf",
    inBrackets: "formatDetails",
    issueOf: "describeSchemaError",
    Excerpt: "Redaction",
    scrub: "redact",
    scrubJson: "redactJson",
    deepest: "maxDepth",
    notSent: "invalidRequest",
    unexpected: "unexpectedResponse",
    EventBody: "EventPayload",
    statusIf: "optionalStatus",
    instantOf: "parseTimestamp",
    notInstant: "timestampMessage",
    TokenText: "BearerToken",
    quietAfter: "assumeWebhooksFor",
    safetyNet: "fallbackSchedule",
    arrivingUntil: "webhooksActiveUntil",
    ParkedEvent: "DeadLetter",
    takeParked: "takeDeadLetter",
    isHandlers: "a tagged error",
    parkHere: "a tagged error",
    neverGiveUp: "unlimitedAttempts",
    makeIntake: "makeReceiver",
    notTaken: "unavailable",
    keyed: "withDedupeKey",
    verifyFrom: "findMatchingSecret",
    spelt: "actualName",
    quoted: "quoteParameter",
    heal: "clearFaults",
    RecordedRequest: "ScriptedRequest",
    ReceivedRequest: "SandboxRequest",
    World: "SandboxState",
    aimsAt: "appliesTo",
    spoilsTokens: "invalidatesTokens",
    stranger: "wrongSecret",
    opposite: "contradicting"
  })
)

const declaration = /\b(?:const|let|function\*?|class|interface|type)\s+(?<name>[A-Za-z_$][\w$]*)/gu
const maximum = /^(?:longest|largest)(?<rest>[A-Z]\w*)$/u

const ignored: ReadonlyMap<string, string> = new Map([
  ["CHANGELOG.md", "published text does not change"],
  ["test/language.test.ts", "its strings break the rules on purpose"]
])

/** Replaces everything but line breaks. U+0000 is not white space, so no phrase is found across a hidden part. */
const hide = (text: string) => text.replaceAll(/[^\n]/g, "\0")
const blank = (text: string) => text.replaceAll(/[^\n]/g, " ")

const hidden: ReadonlyArray<RegExp> = [
  /(?<ticks>`+)(?!`).+?(?<!`)\k<ticks>(?!`)/gu, // inline code
  /\{@\w+\s[^}]*\}/gu, // {@link Name}
  /(?<=\])\([^)\s]*\)/gu, // the target of a link
  /\b[a-z]+:\/\/[^\s)>"]+/gu, // a URL
  /It's a Secret to Everybody/gu // the key in GitHub's published signature example
]

// Each function below returns a text of the same length, in which only prose is left: positions stay valid.

const ofMarkdown = (text: string): string => {
  let fence: { readonly marks: string; readonly isCode: boolean; readonly lines: Array<string> } | undefined
  const out: Array<string> = []
  for (const line of text.split("\n")) {
    if (fence === undefined) {
      const [, marks, language = ""] = /^\s*(`{3,}|~{3,})\s*([^\s`{]*)/u.exec(line) ?? []
      if (marks !== undefined) fence = { marks, isCode: ["ts", "typescript"].includes(language), lines: [] }
      out.push(
        marks === undefined ? hidden.reduce((prose, pattern) => prose.replaceAll(pattern, hide), line) : hide(line)
      )
    } else if (line.trim() === fence.marks) {
      const code = fence.lines.join("\n")
      if (fence.lines.length > 0) out.push(fence.isCode ? ofTypeScript(code) : hide(code))
      out.push(hide(line))
      fence = undefined
    } else fence.lines.push(line)
  }
  return [...out, ...(fence?.lines ?? []).map((line) => hide(line))].join("\n")
}

const ofComment = (text: string): string =>
  text.startsWith("//")
    ? text.replace(/^\/+/u, blank)
    : text
        .replace(/^\/\*+/u, blank)
        .replace(/\*+\/$/u, blank)
        .replaceAll(/^\s*\*/gmu, blank)

const ofTypeScript = (text: string): string => {
  const file = ts.createSourceFile("prose.ts", text, ts.ScriptTarget.ESNext, true)
  let prose = ""
  const show = (until: number, part: string) => {
    prose += hide(text.slice(prose.length, until)) + part
  }
  const visit = (node: ts.Node): void => {
    const children = node.getChildren(file).filter((child) => !ts.isJSDoc(child))
    if (children.length > 0) {
      for (const child of children) visit(child)
      return
    }
    const start = node.getStart(file, false)
    if (start > node.pos) show(node.pos, ofMarkdown(commentsOf(text.slice(node.pos, start))))
    if (isProse(node)) show(start, ofMarkdown(ofString(text.slice(start, node.end))))
  }
  visit(file)
  return prose + hide(text.slice(prose.length))
}

const ofString = (token: string): string =>
  token
    .replace(/^["'`}]/u, blank)
    .replace(/["'`]$|\$\{$/u, blank)
    .replaceAll(/\\./gsu, blank)

/** The comments in the text between two tokens. */
const commentsOf = (trivia: string): string => {
  const scanner = ts.createScanner(ts.ScriptTarget.ESNext, false, ts.LanguageVariant.Standard, trivia)
  let out = ""
  while (scanner.scan() !== ts.SyntaxKind.EndOfFileToken) out += ofComment(scanner.getTokenText())
  return out
}

const isProse = (node: ts.Node): boolean =>
  ts.isStringLiteral(node) ? !isModule(node.parent) && !/^\S*\/\S*$/u.test(node.text) : ts.isTemplateLiteralToken(node)

const isModule = (parent: ts.Node): boolean =>
  ts.isImportDeclaration(parent) ||
  ts.isExportDeclaration(parent) ||
  (ts.isLiteralTypeNode(parent) && ts.isImportTypeNode(parent.parent)) ||
  (ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.ImportKeyword)

interface Finding {
  readonly index: number
  readonly word: string
  readonly say: string
}

const findingsIn = (path: string, text: string): ReadonlyArray<Finding> => {
  const prose = path.endsWith(".md") ? ofMarkdown(text) : ofTypeScript(text)
  const found: Array<Finding> = words.flatMap(({ pattern, say }) =>
    [...prose.matchAll(pattern)].map(({ 0: word, index }) => ({ index, word: word.replaceAll(/\s+/gu, " "), say }))
  )
  if (/^src\/.*\.ts$/u.test(path)) {
    for (const { groups, index } of text.matchAll(declaration)) {
      const name = groups?.["name"] ?? ""
      const rest = maximum.exec(name)?.groups?.["rest"]
      const say = rest === undefined ? names.get(name) : `max${rest}`
      if (say !== undefined) found.push({ index, word: name, say })
    }
  }
  return found.toSorted((one, other) => one.index - other.index)
}

const root = join(import.meta.dirname, "..")

// Files that are not committed yet are checked as well.
const listed = () =>
  execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" })
    .split("\0")
    .filter((path) => /\.(?:ts|mjs|md)$/u.test(path) && !ignored.has(path) && existsSync(join(root, path)))

const args = process.argv.slice(2)
const files = args.length > 0 ? args : [...new Set(listed())].toSorted()

let count = 0
for (const path of files) {
  const text = readFileSync(args.length > 0 ? path : join(root, path), "utf8")
  for (const { index, say, word } of findingsIn(path, text)) {
    count += 1
    console.log(`${path}:${text.slice(0, index).split("\n").length} ${word} -> say ${say}`)
  }
}
console.log(`${files.length} files, ${count} findings`)
process.exitCode = count > 0 || files.length === 0 ? 1 : 0

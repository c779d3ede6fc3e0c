#!/usr/bin/env node
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { defaultTeardown } from "effect/Runtime"
import { layerStderrLogger } from "./log.ts"
import { layerOutput, Output } from "./output.ts"
import { runProgram } from "./program.ts"
import { layerTerminal } from "./terminal.ts"

// The build defines it.
declare const packageVersion: string

const layerNode = NodeChildProcessSpawner.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeStdio.layer, layerTerminal))
)

const reportDefect = (cause: Cause.Cause<unknown>) =>
  Cause.hasDies(cause)
    ? Output.use((output) => output.message(`Unexpected error, please report it: ${Cause.pretty(cause)}`))
    : Effect.void

let isTerminated = false
process.once("SIGTERM", () => {
  isTerminated = true
})

runProgram(packageVersion, process.argv.slice(2)).pipe(
  Effect.tapCause(reportDefect),
  Effect.provide(Layer.mergeAll(layerNode, Layer.provideMerge(layerStderrLogger, layerOutput))),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, _onExit) =>
      defaultTeardown(exit, (code) => {
        // Idle connections and a prompt would keep the process running.
        process.exit(code === 130 && isTerminated ? 143 : code)
      })
  })
)

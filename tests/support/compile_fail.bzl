"""A test that some code does not compile, and that the compiler's message says what it should.

    load("//tests/support:compile_fail.bzl", "compile_fail_test")

    compile_fail_test(
        name = "connect_wrong_type_compile_fail_test",
        src = "connect_wrong_type.cc",
        expect = ["Connect: the Out's type and the In's type differ"],
        deps = ["//core:graph"],
    )

The source is compiled twice, by the configuration's compiler with its flags and with the include paths of `deps`:

  * as it is, which must fail, and print each of `expect`;
  * with -DWEIR_COMPILE_OK, which must succeed: so that it is the line in question that the compiler refuses, and not a misspelt include.

    #ifndef WEIR_COMPILE_OK
    graph.Connect(source.words, sink.numbers);
    #endif

Several tests may share a source: `defines = ["CASE_COPY"]` is added to both. Both outputs are in the test's log, also when it passes.

With `max_lines` the first error must be the first of `expect`, and the compiler must print no more than so many lines in all, those that quote
the source included: what follows from a mistake hides it.
"""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_COMPILE_ACTION_NAME")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _compile(ctx, suffix, defines):
    """Compiles the source, and returns a file of the compiler's output whose first line is its exit status."""
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        # Its module maps are made for the rules that Bazel knows.
        unsupported_features = ctx.disabled_features + ["layering_check", "module_maps", "use_header_modules"],
    )
    context = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps]).compilation_context
    object_file = ctx.actions.declare_file("%s.%s.o" % (ctx.label.name, suffix))
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        source_file = ctx.file.src.path,
        output_file = object_file.path,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ["-fdiagnostics-color=never"],
        include_directories = context.includes,
        quote_include_directories = context.quote_includes,
        system_include_directories = context.system_includes,
        preprocessor_defines = depset(defines, transitive = [context.defines]),
    )
    command = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = CPP_COMPILE_ACTION_NAME,
        variables = variables,
    )
    environment = cc_common.get_environment_variables(
        feature_configuration = features,
        action_name = CPP_COMPILE_ACTION_NAME,
        variables = variables,
    )
    compiler = cc_common.get_tool_for_action(
        feature_configuration = features,
        action_name = CPP_COMPILE_ACTION_NAME,
    )
    log = ctx.actions.declare_file("%s.%s.log" % (ctx.label.name, suffix))
    ctx.actions.run_shell(
        mnemonic = "CompileFail",
        progress_message = "Compiling %s for %s (%s)" % (ctx.file.src.short_path, ctx.label, suffix),
        command = """
log=$1; object=$2; shift 2
"$@" >"$log.body" 2>&1
{ echo "$?"; cat "$log.body"; } >"$log"
rm -f "$log.body"
[ -e "$object" ] || : >"$object"
""",
        arguments = [log.path, object_file.path, compiler] + command,
        env = environment,
        inputs = depset([ctx.file.src], transitive = [context.headers]),
        tools = toolchain.all_files,
        outputs = [log, object_file],
    )
    return log

def _compile_fail_test_impl(ctx):
    if not ctx.attr.expect:
        fail("compile_fail_test needs `expect`: without it, any mistake in the source would do")
    bad = _compile(ctx, "bad", ctx.attr.defines)
    ok = _compile(ctx, "ok", ctx.attr.defines + ["WEIR_COMPILE_OK"])
    expected = ctx.actions.declare_file(ctx.label.name + ".expect")
    ctx.actions.write(expected, "".join([text + "\n" for text in ctx.attr.expect]))
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(script, is_executable = True, content = """#!/bin/bash
bad='%s' ok='%s' expected='%s' src='%s' max_lines='%d'
failed=0
echo "== $src as it is: the compiler says (status $(head -n 1 "$bad"))"
tail -n +2 "$bad"
echo "== with -DWEIR_COMPILE_OK (status $(head -n 1 "$ok"))"
tail -n +2 "$ok"
echo "== verdict"
if [[ $(head -n 1 "$ok") != 0 ]]; then
  echo "FAILED: $src does not compile with -DWEIR_COMPILE_OK either, so this test would show nothing"
  failed=1
fi
if [[ $(head -n 1 "$bad") == 0 ]]; then
  echo "FAILED: $src compiles, and should not"
  exit 1
fi
while IFS= read -r text; do
  # Not in the excerpts of the source (`   12 | static_assert(...)`): those show what the code says, not what the compiler does.
  if ! tail -n +2 "$bad" | grep -vE '^ *[0-9]* [|]' | grep -F -- "$text" >/dev/null; then
    echo "FAILED: the compiler's output does not contain: $text"
    failed=1
  fi
done <"$expected"
if ((max_lines > 0)); then
  lines=$(($(wc -l <"$bad") - 1))
  if ((lines > max_lines)); then
    echo "FAILED: the compiler prints $lines lines, and should print $max_lines at most"
    failed=1
  fi
  if ! grep -m 1 'error:' "$bad" | grep -F -- "$(head -n 1 "$expected")" >/dev/null; then
    echo "FAILED: the first error is another than: $(head -n 1 "$expected")"
    failed=1
  fi
fi
((failed)) || echo "refused, as it should be"
exit "$failed"
""" % (bad.short_path, ok.short_path, expected.short_path, ctx.file.src.short_path, ctx.attr.max_lines))
    return [DefaultInfo(
        executable = script,
        runfiles = ctx.runfiles(files = [bad, ok, expected]),
    )]

_compile_fail_test = rule(
    implementation = _compile_fail_test_impl,
    test = True,
    attrs = {
        "src": attr.label(allow_single_file = [".cc"], mandatory = True),
        "expect": attr.string_list(doc = "Texts that the compiler's output must contain, each on one line."),
        "max_lines": attr.int(doc = "The most lines that the compiler may print; 0 for any number."),
        "defines": attr.string_list(),
        "deps": attr.label_list(providers = [CcInfo]),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    incompatible_use_toolchain_transition = True,
    fragments = ["cpp"],
)

def compile_fail_test(name, src, expect, size = "small", **kwargs):
    _compile_fail_test(name = name, src = src, expect = expect, size = size, **kwargs)

"""Programs in documents: the n-th block marked cpp, and the block marked text that says what it prints."""

def _extract(name, number, lang, document, out):
    native.genrule(
        name = name,
        testonly = True,
        srcs = [document],
        outs = [out],
        cmd = "awk -v n=%d -v lang=%s '$$0 == \"```\" lang {block++; copying = block == n; next} /^```/ {copying = 0} copying' $(SRCS) > $@" % (number, lang),
    )

def readme_program_test(name, number, document = "//:README.md", deps = ["//:weir"], output = None):
    """Passes if the document's `number`-th program, counted from 1, compiles and prints its `output`-th text block, the `number`-th if not given."""
    _extract(name + "_source", number, "cpp", document, name + ".cc")
    _extract(name + "_expected", output or number, "text", document, name + ".expected")
    native.cc_binary(
        name = name + "_program",
        testonly = True,
        srcs = [name + ".cc"],
        tags = ["no-gcc"],  # users' own coroutine stages need clang
        deps = deps,
    )
    native.sh_test(
        name = name,
        srcs = ["prints.sh"],
        args = ["$(rootpath %s_program)" % name, "$(rootpath %s.expected)" % name],
        data = [name + "_program", name + ".expected"],
        tags = ["no-gcc"],
    )

def document_test(name, number, document, deps):
    """The document's `number`-th program, counted from 1, is a GoogleTest, and passes."""
    _extract(name + "_source", number, "cpp", document, name + ".cc")
    native.cc_test(
        name = name,
        size = "small",
        srcs = [name + ".cc"],
        tags = ["no-gcc"],
        deps = deps + ["@googletest//:gtest_main"],
    )

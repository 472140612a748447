"""Programs in documents: the n-th block marked cpp, and the block marked text that follows it."""

def readme_program_test(name, number, document = "//:README.md"):
    """Passes if the document's `number`-th program, counted from 1, compiles and prints the text block behind it."""
    extract = "awk -v n=%d -v lang=%s '$$0 == \"```\" lang {block++; copying = block == n; next} /^```/ {copying = 0} copying' $(SRCS) > $@"
    native.genrule(
        name = name + "_source",
        testonly = True,
        srcs = [document],
        outs = [name + ".cc"],
        cmd = extract % (number, "cpp"),
    )
    native.genrule(
        name = name + "_expected",
        testonly = True,
        srcs = [document],
        outs = [name + ".expected"],
        cmd = extract % (number, "text"),
    )
    native.cc_binary(
        name = name + "_program",
        testonly = True,
        srcs = [name + ".cc"],
        tags = ["no-gcc"],  # users' own coroutine stages need clang
        deps = ["//:weir"],
    )
    native.sh_test(
        name = name,
        srcs = ["prints.sh"],
        args = ["$(rootpath %s_program)" % name, "$(rootpath %s.expected)" % name],
        data = [name + "_program", name + ".expected"],
        tags = ["no-gcc"],
    )

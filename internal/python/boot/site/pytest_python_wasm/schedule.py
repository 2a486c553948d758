"""Which runtime runs which test.

Every runtime collects all tests, so that an index names one. A runtime is given a next test before it ends the last one: which
fixtures it may tear down depends on what comes next.
"""


class Schedule:
    """Distributes groups of tests; with --dist load each test is a group."""

    def __init__(self, config):
        self.config = config
        self.dist = config.option.dist
        self.chunk = config.option.maxschedchunk or 1 << 30
        self.collected = None  # ids, in the order of all runtimes
        self.collections = {}  # of the runtimes that collected before all had
        self.groups = None  # lists of indices that no runtime has yet
        self.given = {}  # runtime: indices it has been given and has not ended

    @property
    def nodes(self):
        return list(self.given)

    def add_node(self, node):
        self.given[node] = []

    def add_collection(self, node, ids):
        """Returns what is wrong with a runtime's collection, or nothing."""
        if self.collected is None:
            self.collections[node] = ids
            return None
        return self._difference(ids, node)

    def _difference(self, ids, node):
        if ids == self.collected:
            return None
        import difflib

        lines = difflib.unified_diff(self.collected, ids, "the first runtime", node.gateway.id, lineterm="", n=0)
        words = "\n".join(list(lines)[:40])
        return f"Different tests were collected in {node.gateway.id}. Does their order or number depend on a set, on time or on chance?\n{words}"

    def begin(self):
        """Starts with the first collection. Returns what is wrong with the others."""
        self.collected = next(iter(self.collections.values()))
        self.groups = self._grouped(range(len(self.collected)))
        return [bad for node, ids in self.collections.items() if (bad := self._difference(ids, node))]

    def _grouped(self, indices):
        groups = {}
        for index in indices:
            groups.setdefault(self._scope(index), []).append(index)
        groups = list(groups.values())
        if self.dist in ("loadscope", "loadfile") and self.config.option.loadscopereorder:
            groups.sort(key=len, reverse=True)
        return groups

    def _scope(self, index):
        name = self.collected[index]
        match self.dist:
            case "loadfile":
                return name.split("::", 1)[0]
            case "loadscope":
                return name.rsplit("::", 1)[0]
            case "loadgroup":
                return name[len(self.bare(name)) :] or index
        return index

    def bare(self, name):
        """A test's id without the group that --dist loadgroup has put behind it."""
        at = name.rfind("@")
        return name[:at] if self.dist == "loadgroup" and at > name.rfind("]") else name

    def fill(self):
        """Gives runtimes more, where they have too little."""
        for node in self.nodes:
            given = self.given[node]
            left = sum(map(len, self.groups))
            low = max(2, left // len(self.given) // 4)
            if len(given) >= (low if self.dist in ("load", "loadgroup") else 2):
                continue
            many = max(2, left // len(self.given) // 2) if self.dist in ("load", "loadgroup") else 2
            more = []
            while self.groups and len(given) + len(more) < many and (len(more) < self.chunk or len(given) + len(more) < 2):
                more += self.groups.pop(0)
            if more:
                given += more
                node.run(more)

    @property
    def finished(self):
        """Whether no runtime need wait for more than it has."""
        return self.groups is not None and not self.groups and all(len(given) < 2 for given in self.given.values())

    def complete(self, node, index):
        self.given[node].remove(index)
        self.fill()

    def remove_node(self, node):
        """Takes back what a runtime has not ended. The first of that is where it was."""
        self.collections.pop(node, None)
        given = self.given.pop(node, [])
        if not given:
            return None
        at, *rest = given
        if rest:
            self.groups[:0] = self._grouped(rest)
        if self.given:
            self.fill()
        return self.collected[at]

    def mark_test_pending(self, name):
        self.groups.insert(0, [self.collected.index(name)])
        self.fill()

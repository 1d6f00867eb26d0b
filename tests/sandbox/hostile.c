/* Tries to get out of the sandbox in every way that we know of, and says of each what came of it.

   usage: hostile ACT [NAME=VALUE]...   where ACT is one of those at the end.  "escape" prints a line
   "NAME open" or "NAME blocked" for each attempt.  It does no harm where it succeeds. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

static int count;
static char **words;
static char *self;

static const char *given(const char *name) {
    size_t length = strlen(name);
    for (int i = 0; i < count; i++)
        if (!strncmp(words[i], name, length) && words[i][length] == '=') return words[i] + length + 1;
    fprintf(stderr, "%s is missing\n", name);
    exit(2);
}
static int number(const char *name) { return atoi(given(name)); }

static void tell(const char *name, int open) {
    printf("%s %s\n", name, open ? "open" : "blocked");
    fflush(stdout);
}

/* Network. */

static struct sockaddr_in v4(const char *host, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    return a;
}
static int try_connect(int family, int protocol) {
    int s = socket(family, SOCK_STREAM, protocol);
    if (s < 0) return 0;
    struct sockaddr_in a = v4("127.0.0.1", number("victim_port"));
    struct sockaddr_in6 b = {.sin6_family = AF_INET6, .sin6_port = htons(number("victim_port6")),
                             .sin6_addr = in6addr_loopback};
    int r = family == AF_INET ? connect(s, (void *)&a, sizeof a) : connect(s, (void *)&b, sizeof b);
    close(s);
    return r == 0;
}
static int try_fast_open(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = v4("127.0.0.1", number("victim_port"));
    int r = sendto(s, "x", 1, MSG_FASTOPEN, (void *)&a, sizeof a);
    struct iovec part = {"x", 1};
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &part, .msg_iovlen = 1};
    int q = sendmsg(s, &m, MSG_FASTOPEN);
    close(s);
    return r >= 0 || q >= 0;
}
static int try_socket(int family, int type, int protocol) {
    int s = socket(family, type, protocol);
    if (s >= 0) close(s);
    return s >= 0;
}
static socklen_t name_it(struct sockaddr_un *a, const char *path, int abstract) {
    a->sun_family = AF_UNIX;
    strcpy(a->sun_path + abstract, path);
    return offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
}
static int try_unix(int abstract) {
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    if (s < 0) return 0;
    struct sockaddr_un a = {0};
    socklen_t size = name_it(&a, given(abstract ? "victim_abstract" : "victim_unix"), abstract);
    int r = connect(s, (void *)&a, size);
    close(s);
    return r == 0;
}
static int try_unix_by_pair(void) {
    int s[2];
    struct sockaddr_un a = {0};
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s)) return 0;
    socklen_t size = name_it(&a, given("victim_datagram"), 0);
    return sendto(s[0], "x", 1, 0, (void *)&a, size) == 1;
}
static int try_listen(const char *host, int port, int protocol) {
    int s = socket(AF_INET, SOCK_STREAM, protocol), on = 1;
    if (s < 0) return 0;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in a = v4(host, port), got;
    socklen_t size = sizeof got;
    int r = bind(s, (void *)&a, sizeof a) == 0 && listen(s, 1) == 0;
    if (r && !strcmp(host, "0.0.0.0")) { /* narrowed to loopback is all right */
        getsockname(s, (void *)&got, &size);
        r = got.sin_addr.s_addr != htonl(INADDR_LOOPBACK);
    }
    close(s);
    return r;
}
static int try_listen6(int only6) {
    int s = socket(AF_INET6, SOCK_STREAM, 0), on = 1;
    if (s < 0) return 0;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof only6);
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(number("port"))}, got;
    socklen_t size = sizeof got;
    int r = bind(s, (void *)&a, sizeof a) == 0 && listen(s, 1) == 0;
    if (r) {
        getsockname(s, (void *)&got, &size);
        r = !memcmp(&got.sin6_addr, &in6addr_any, 16);
    }
    close(s);
    return r;
}
static int try_listen_unbound(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    int r = listen(s, 1);
    close(s);
    return r == 0;
}

/* Files. */

static int try_read(const char *path) {
    char c;
    int f = open(path, O_RDONLY);
    if (f < 0) return 0;
    int r = read(f, &c, 1);
    close(f);
    return r == 1;
}
static int try_list(const char *path) {
    DIR *d = opendir(path);
    if (!d) return 0;
    int n = 0;
    while (readdir(d)) n++;
    closedir(d);
    return n > 2;
}
static int try_write_into(const char *folder) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/hostile-was-here-%d", folder, getpid());
    int f = open(path, O_CREAT | O_WRONLY, 0600);
    if (f < 0) return mkdir(path, 0700) == 0 && rmdir(path) == 0;
    close(f);
    unlink(path);
    return 1;
}
static int try_environment(const char *pid) {
    char path[64], text[8192] = {0};
    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    int f = open(path, O_RDONLY);
    if (f < 0) return 0;
    int size = read(f, text, sizeof text - 1);
    close(f);
    return size > 0 && memmem(text, size, "HOSTILE_SECRET", 14);
}
static int try_change(int how) {
    const char *path = given("secret");
    switch (how) {
    case 0: return chmod(path, 0600) == 0;
    case 1: return chown(path, getuid(), -1) == 0;
    case 2: return utime(path, NULL) == 0;
    case 3: return setxattr(path, "user.hostile", "x", 1, 0) == 0;
    case 4: return truncate(path, 1) == 0;
    case 5: return unlink(given("doomed")) == 0;
    case 6: return inotify_add_watch(inotify_init(), given("home"), IN_CREATE) >= 0;
    default: return link(path, "stolen") == 0 && try_read("stolen");
    }
}

/* Other processes. */

static int try_set_owner(void) {
    int s[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s)) return 0;
    int r = fcntl(s[0], F_SETOWN, number("victim"));
    if (r == 0) {
        fcntl(s[0], F_SETSIG, SIGUSR1);
        fcntl(s[0], F_SETFL, O_ASYNC);
        (void)!write(s[1], "x", 1);
    }
    return r == 0;
}
static int try_read_memory(void) {
    char c;
    struct iovec here = {&c, 1}, there = {&count, 1};
    return process_vm_readv(number("victim"), &here, 1, &there, 1, 0) >= 0 || errno == EFAULT;
}
static int try_limit(void) {
    struct rlimit tight = {1 << 20, 1 << 20};
    return syscall(SYS_prlimit64, number("victim"), RLIMIT_CORE, &tight, NULL) == 0;
}
static int try_affinity(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    return sched_setaffinity(number("victim"), sizeof set, &set) == 0;
}

/* The kernel. */

static int try_namespace(void) {
    return unshare(CLONE_NEWUSER) == 0 || syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) >= 0;
}
static int try_clone3(void) {
    unsigned long long arguments[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    long child = syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0) _exit(0);
    return child > 0;
}
static int try_execute(int how) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        char *shell[] = {"/bin/sh", "-c", "exit 42", NULL};
        char *loader[] = {"/lib64/ld-linux-x86-64.so.2", "/bin/sh", "-c", "exit 42", NULL};
        char *again[] = {self, "exit42", NULL};
        if (how == 0) execv(shell[0], shell);
        if (how == 1) execv(loader[0], loader);
        if (how == 2) execv(again[0], again);
        if (how == 3) syscall(SYS_execveat, open("/bin/sh", O_PATH), "", shell, NULL, AT_EMPTY_PATH);
        if (how == 4) {
            int copy = open("copy", O_CREAT | O_WRONLY, 0700), from = open("/bin/sh", O_RDONLY);
            char part[65536];
            for (int n; (n = read(from, part, sizeof part)) > 0;) (void)!write(copy, part, n);
            close(copy);
            execv("copy", shell);
        }
        _exit(1);
    }
    if (child < 0) return 0;
    waitpid(child, &status, 0);
    unlink("copy");
    return WIFEXITED(status) && WEXITSTATUS(status) == 42;
}

static int try_map(int file, int flags) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, file, 0) != MAP_FAILED;
}

static int try_pairs(void) { /* what they hold counts for no process */
    int made = 0, pair[2];
    while (made < 100 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
        close(pair[0]);
        close(pair[1]);
        made++;
    }
    return made >= 100;
}
static int try_core(void) { /* 1 is the only size at which a system's handler is not started */
    struct rlimit core = {0, 0};
    return setrlimit(RLIMIT_CORE, &core) == 0 || syscall(SYS_setrlimit, RLIMIT_CORE, &core) == 0;
}
static int try_lease(void) {
    int f = open("leased", O_CREAT | O_RDONLY, 0600);
    return fcntl(f, F_SETLEASE, F_WRLCK) == 0;
}
static void escape(void) {
    tell("tcp4", try_connect(AF_INET, 0));
    tell("tcp6", try_connect(AF_INET6, 0));
    tell("mptcp", try_connect(AF_INET, 262));
    tell("fast-open", try_fast_open());
    tell("udp", try_socket(AF_INET, SOCK_DGRAM, 0));
    tell("udp6", try_socket(AF_INET6, SOCK_DGRAM, 0));
    tell("ping", try_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
    tell("raw", try_socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
    tell("packet", try_socket(AF_PACKET, SOCK_RAW, 0));
    tell("netlink", try_socket(AF_NETLINK, SOCK_RAW, 0));
    tell("vsock", try_socket(40, SOCK_STREAM, 0));
    tell("crypto", try_socket(38, SOCK_SEQPACKET, 0));
    tell("sctp", try_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
    tell("unix-path", try_unix(0));
    tell("unix-abstract", try_unix(1));
    tell("unix-pair", try_unix_by_pair());
    tell("bind-other-port", try_listen("127.0.0.1", number("other_port"), 0));
    tell("bind-free-port", try_listen("127.0.0.1", 0, 0));
    tell("bind-mptcp", try_listen("127.0.0.1", number("other_port"), 262));
    tell("listen-all", try_listen("0.0.0.0", number("port"), 0));
    tell("listen-all6", try_listen6(0));
    tell("listen-all6-only", try_listen6(1));
    tell("listen-other-address", try_listen("127.0.0.2", number("port"), 0));
    tell("listen-unbound", try_listen_unbound());

    tell("read-secret", try_read(given("secret")));
    tell("read-project", try_read(given("project")));
    tell("read-shadow", try_read("/etc/shadow"));
    tell("read-passwd", try_read("/etc/passwd"));
    tell("list-home", try_list(given("home")));
    tell("list-root", try_list("/root"));
    tell("list-proc", try_list("/proc"));
    tell("write-tmp", try_write_into("/tmp"));
    tell("write-var-tmp", try_write_into("/var/tmp"));
    tell("write-shm", try_write_into("/dev/shm"));
    tell("write-dev", try_write_into("/dev"));
    tell("write-home", try_write_into(given("home")));
    tell("write-usr", try_write_into("/usr"));
    tell("write-root", try_write_into("/"));
    tell("write-parent", try_write_into(".."));
    tell("chmod", try_change(0));
    tell("chown", try_change(1));
    tell("utime", try_change(2));
    tell("setxattr", try_change(3));
    tell("truncate", try_change(4));
    tell("unlink", try_change(5));
    tell("inotify", try_change(6));
    tell("link", try_change(7));

    tell("own-environment", getenv("HOSTILE_SECRET") != NULL);
    tell("parents-environment", try_environment(given("launcher")));
    tell("first-environment", try_environment("1"));
    tell("victims-environment", try_environment(given("victim")));

    tell("signal", kill(number("victim"), 0) == 0);
    tell("signal-warden", kill(getppid(), 0) == 0 && getppid() > 1);
    tell("signal-thread", syscall(SYS_tkill, number("victim"), 0) == 0);
    tell("signal-owner", try_set_owner());
    tell("ptrace", ptrace(PTRACE_SEIZE, number("victim"), 0, 0) == 0);
    tell("read-memory", try_read_memory());
    tell("pidfd", syscall(SYS_pidfd_open, number("victim"), 0) >= 0);
    tell("limit", try_limit());
    tell("priority", setpriority(PRIO_PROCESS, number("victim"), 0) == 0);
    tell("priority-of-user", setpriority(PRIO_USER, 0, 0) == 0);
    tell("affinity", try_affinity());

    tell("io-uring", syscall(425, 1, calloc(1, 256)) >= 0);
    tell("bpf", syscall(SYS_bpf, 0, calloc(1, 256), 64) >= 0);
    tell("namespace", try_namespace());
    tell("clone3", try_clone3());
    tell("mount", mount("none", ".", "tmpfs", 0, "") == 0);
    tell("perf", syscall(SYS_perf_event_open, calloc(1, 128), 0, -1, -1, 0) >= 0);
    tell("userfault", syscall(SYS_userfaultfd, 1) >= 0);
    tell("keys", syscall(SYS_add_key, "user", "hostile", "x", 1, -3) >= 0);
    tell("shared-memory", shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600) >= 0);
    tell("anonymous-shared-memory", try_map(-1, MAP_SHARED | MAP_ANONYMOUS));
    tell("zeros-shared-memory", try_map(open("/dev/zero", O_RDWR), MAP_SHARED));
    tell("socket-pairs", try_pairs());
    tell("crash-handler", try_core());
    tell("watch-folder", fcntl(open("/usr", O_RDONLY), 1026 /* F_NOTIFY */, 1) == 0);
    tell("lease", try_lease());
    tell("sync", syscall(SYS_syncfs, open(".", O_RDONLY)) == 0);
    tell("nameless-file", open(".", O_TMPFILE | O_RDWR, 0600) >= 0);
    tell("message-queue", mq_open("/hostile", O_CREAT | O_RDWR, 0600, NULL) >= 0);
    tell("kernel-log", syscall(SYS_syslog, 3, calloc(1, 256), 256) >= 0);
    tell("shell", try_execute(0));
    tell("shell-by-loader", try_execute(1));
    tell("itself-again", try_execute(2));
    tell("shell-by-descriptor", try_execute(3));
    tell("shell-by-copy", try_execute(4));
    printf("done\n");
}

/* What is to be limited, and what is to end. */

static void bomb(void) {
    int children = 0;
    for (int i = 0; i < 2000; i++) {
        pid_t child = fork();
        if (child == 0) { pause(); _exit(0); }
        if (child > 0) children++;
    }
    printf("children %d\n", children);
}
static void breed(void) { /* children that have children, all the time and out of our hands */
    if (fork() > 0)
        for (;;) pause();
    setsid();
    for (;;)
        if (fork() > 0 && getpid() % 2) _exit(0);
}
static void fill_memory(int shared) {
    size_t part = 4 << 20;
    for (int i = 0; i < 512; i++) {
        char *m = mmap(NULL, part, PROT_READ | PROT_WRITE,
                       (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED) { printf("megabytes %d\n", 4 * i); fflush(stdout); return; }
        memset(m, 1, part);
        usleep(5000);
    }
    printf("megabytes 2048\n");
    fflush(stdout);
}
static void fill_disk(void) {
    static char part[1 << 20];
    long total = 0;
    for (int i = 0; i < 512; i++) {
        char name[32];
        snprintf(name, sizeof name, "file%d", i);
        int f = open(name, O_CREAT | O_WRONLY, 0600), n = f < 0 ? -1 : write(f, part, sizeof part);
        if (n <= 0) { printf("full %ld\n", total >> 20); fflush(stdout); return; }
        total += n;
        close(f);
        usleep(10000);
    }
    printf("wrote %ld\n", total >> 20);
}
static void large_file(void) {
    static char part[1 << 20];
    signal(SIGXFSZ, SIG_IGN);
    int f = open("large", O_CREAT | O_WRONLY, 0600), i = 0;
    while (i < 64 && write(f, part, sizeof part) > 0) i++;
    printf("megabytes %d\n", i);
}
static void survive(void) { /* out of the group, the session and the family */
    if (fork() == 0) {
        setsid();
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        if (fork() == 0)
            for (;;) pause();
        _exit(0);
    }
    usleep(100000);
    printf("hidden\n");
    fflush(stdout);
    if (number("stay")) {
        signal(SIGTERM, SIG_IGN);
        for (;;) pause();
    }
}
static void closed_folder(void) {
    mkdir("closed", 0300);
    close(open("closed/file", O_CREAT | O_WRONLY, 0600));
    printf("closed\n");
    fflush(stdout);
    for (;;) pause();
}
static void nest(const char *name, int times) {
    for (int i = 0; i < times; i++)
        if (mkdir(name, i == 3 ? 0300 : 0700) || chdir(name)) printf("level %d failed\n", i);
}
static void wild_address(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    int r = bind(s, (void *)-1L, 16);
    printf("bind %d\n", r == 0 ? 0 : errno);
}
static void *wait_for_ever(void *unused) {
    for (;;) pause();
    return unused;
}
static void headless(void) { /* the first thread ends, and the process looks dead */
    for (int i = 0; i < number("times"); i++) {
        if (fork() != 0) continue;
        pthread_t other;
        setsid();
        if (fork() > 0) _exit(0);
        char *m = malloc((size_t)number("megabytes") << 20);
        memset(m, 1, (size_t)number("megabytes") << 20);
        prctl(PR_SET_NAME, given("name"));
        pthread_create(&other, NULL, wait_for_ever, NULL);
        syscall(SYS_exit, 0);
    }
    usleep(300000);
    printf("hidden\n");
    fflush(stdout);
    if (number("stay"))
        for (;;) pause();
}
static void serve(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in a = v4("0.0.0.0", number("port"));
    if (bind(s, (void *)&a, sizeof a) || listen(s, 8)) exit(1);
    for (;;) {
        int c = accept(s, NULL, NULL);
        (void)!write(c, "hello", 5);
        close(c);
    }
}
static void open_files(void) {
    int n = 0;
    while (n < 5000 && open("/dev/null", O_RDONLY) >= 0) n++;
    printf("files %d\n", n);
}

int main(int argc, char **argv) {
    self = argv[0];
    count = argc - 2;
    words = argv + 2;
    const char *act = argc > 1 ? argv[1] : "";
    if (!strcmp(act, "escape")) escape();
    else if (!strcmp(act, "bomb")) bomb();
    else if (!strcmp(act, "breed")) breed();
    else if (!strcmp(act, "memory")) fill_memory(0);
    else if (!strcmp(act, "shared-memory")) fill_memory(1);
    else if (!strcmp(act, "disk")) fill_disk();
    else if (!strcmp(act, "large-file")) large_file();
    else if (!strcmp(act, "open-files")) open_files();
    else if (!strcmp(act, "survive")) survive();
    else if (!strcmp(act, "closed-folder")) closed_folder();
    else if (!strcmp(act, "nest")) nest(given("name"), number("times"));
    else if (!strcmp(act, "wild-address")) wild_address();
    else if (!strcmp(act, "headless")) headless();
    else if (!strcmp(act, "serve")) serve();
    else if (!strcmp(act, "burn")) for (;;);
    else if (!strcmp(act, "exit42")) return 42;
    else return 3;
    return 0;
}

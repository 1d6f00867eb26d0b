/* As hostile.c, of what there is on macOS, too. */

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int count;
static char **words;

static const char *given(const char *name) {
    size_t length = strlen(name);
    for (int i = 0; i < count; i++)
        if (!strncmp(words[i], name, length) && words[i][length] == '=') return words[i] + length + 1;
    exit(2);
}
static int number(const char *name) { return atoi(given(name)); }
static void tell(const char *name, int open) { printf("%s %s\n", name, open ? "open" : "blocked"); }

static struct sockaddr_in v4(const char *host, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    return a;
}
static int try_connect4(int type) {
    int s = socket(AF_INET, type, 0);
    struct sockaddr_in a = v4("127.0.0.1", number("victim_port"));
    return s >= 0 && connect(s, (void *)&a, sizeof a) == 0 && send(s, "x", 1, 0) == 1;
}
static int try_connect6(void) {
    int s = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(number("victim_port6")),
                             .sin6_addr = in6addr_loopback};
    return s >= 0 && connect(s, (void *)&a, sizeof a) == 0;
}
static int try_unix(void) {
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strncpy(a.sun_path, given("victim_unix"), sizeof a.sun_path - 1);
    return s >= 0 && connect(s, (void *)&a, sizeof a) == 0;
}
static int try_listen(int port) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = v4("127.0.0.1", port);
    return s >= 0 && bind(s, (void *)&a, sizeof a) == 0 && listen(s, 1) == 0;
}
static int try_read(const char *path) {
    char c;
    int f = open(path, O_RDONLY);
    return f >= 0 && read(f, &c, 1) == 1;
}
static int try_list(const char *path) {
    DIR *d = opendir(path);
    return d && readdir(d);
}
static int try_write_into(const char *folder) {
    char path[4096];
    snprintf(path, sizeof path, "%s/hostile-was-here-%d", folder, getpid());
    int f = open(path, O_CREAT | O_WRONLY, 0600);
    if (f >= 0) unlink(path);
    return f >= 0;
}
static int try_shell(void) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "exit 42", NULL);
        _exit(1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 42;
}
static int try_fork(void) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child > 0;
}
static int try_ptrace(void) {
#ifdef PT_ATTACHEXC
    return ptrace(PT_ATTACHEXC, number("victim"), 0, 0) == 0;
#else
    return 0;
#endif
}

int main(int argc, char **argv) {
    count = argc - 1;
    words = argv + 1;
    tell("tcp4", try_connect4(SOCK_STREAM));
    tell("tcp6", try_connect6());
    tell("udp", try_connect4(SOCK_DGRAM));
    tell("unix-path", try_unix());
    tell("bind-other-port", try_listen(number("other_port")));
    tell("read-secret", try_read(given("secret")));
    tell("read-project", try_read(given("project")));
    tell("list-home", try_list(given("home")));
    tell("write-tmp", try_write_into("/tmp"));
    tell("write-home", try_write_into(given("home")));
    tell("write-parent", try_write_into(".."));
    tell("chmod", chmod(given("secret"), 0600) == 0);
    tell("own-environment", getenv("HOSTILE_SECRET") != NULL);
    tell("signal", kill(number("victim"), 0) == 0);
    tell("ptrace", try_ptrace());
    tell("priority", setpriority(PRIO_PROCESS, number("victim"), 0) == 0);
    tell("fork", try_fork());
    tell("shell", try_shell());
    printf("port %s\n", try_listen(number("port")) ? "mine" : "refused");
    printf("done\n");
    return 0;
}

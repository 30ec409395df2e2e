// Runtime stands between the Docker Engine and runc on machines whose bounding
// set lacks a capability. A privileged container asks for all capabilities, and
// runc fails on the first that can not be had. This removes those from what is
// asked for, then becomes runc. What is left is as privileged as the machine
// allows.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// names in the order of their numbers in linux/capability.h.
var names = strings.Fields(`
	CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK
	IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
	SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
	AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
	BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "runtime:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	if file, key := editable(args); file != "" {
		missing, err := missing()
		if err != nil {
			return err
		}
		if err := edit(file, key, missing); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return syscall.Exec(runc, append([]string{"runc"}, args...), os.Environ())
}

// editable tells which file says what capabilities a command asks for, and the
// key of the process in it ("" where the file is the process).
func editable(args []string) (file, key string) {
	for i, arg := range args {
		switch arg {
		case "create", "run":
			bundle, ok := option(args[i+1:], "bundle", "b")
			if !ok {
				bundle = "."
			}
			return filepath.Join(bundle, "config.json"), "process"
		case "exec":
			file, _ = option(args[i+1:], "process", "p")
			return file, ""
		}
	}
	return "", ""
}

func option(args []string, names ...string) (string, bool) {
	for i, arg := range args {
		name, value, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		for _, wanted := range names {
			if !strings.HasPrefix(arg, "-") || name != wanted {
				continue
			}
			if inline {
				return value, true
			}
			if i+1 < len(args) {
				return args[i+1], true
			}
		}
	}
	return "", false
}

func missing() (map[string]bool, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(string(status), "\n") {
		hex, ok := strings.CutPrefix(line, "CapBnd:")
		if !ok {
			continue
		}
		set, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
		if err != nil {
			return nil, err
		}
		out := map[string]bool{}
		for i, name := range names {
			if set&(1<<i) == 0 {
				out["CAP_"+name] = true
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("no CapBnd in /proc/self/status")
}

func edit(file, key string, missing map[string]bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var whole map[string]any
	if err := decoder.Decode(&whole); err != nil {
		return err
	}
	process := whole
	if key != "" {
		process, _ = whole[key].(map[string]any)
	}
	sets, _ := process["capabilities"].(map[string]any)
	for set, value := range sets {
		asked, _ := value.([]any)
		kept := []any{}
		for _, c := range asked {
			if name, _ := c.(string); !missing[name] {
				kept = append(kept, c)
			}
		}
		sets[set] = kept
	}
	if text, err = json.Marshal(whole); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

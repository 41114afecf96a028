// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// Runs in the kernel: counts what it sends again by peer, TCP state and owner of the socket. The
// owner is who made the connection, listens, or holds the socket's file: never the task that a
// timer or an incoming packet happens to interrupt. It changes nothing but its own maps.
#include <linux/bpf.h>
// Before these, which take its types for granted.
#include <asm/errno.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>

#include "capture/retransmit_record.h"

enum { kIpv4 = 2, kIpv6 = 10, kTcp = 6 };  // AF_INET, AF_INET6, IPPROTO_TCP
// TCP_ESTABLISHED and its kin.
enum { kEstablished = 1, kSynSent = 2, kSynReceived = 3, kListen = 10 };
enum { kCgroupDepth = 24, kRecords = 4096, kCgroups = 4096 };

// What is read of the kernel's structures; libbpf finds where this kernel has it.
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct kernfs_node {
  uint64_t id;
  const char* name;
  struct kernfs_node* __parent;
};
struct kernfs_node___before_6_15 {
  struct kernfs_node* parent;
};
struct cgroup {
  struct kernfs_node* kn;
};
struct css_set {
  struct cgroup* dfl_cgrp;
};
struct task_struct {
  struct task_struct* group_leader;
  struct css_set* cgroups;
  char comm[kProcessNameSize];
};
struct ns_common {
  unsigned int inum;
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net* net;
} possible_net_t;
struct in6_addr {
  uint8_t bytes[16];
};
struct sock_common {
  __be32 skc_daddr;
  unsigned short skc_family;
  unsigned char skc_state;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
};
struct sock_cgroup_data {
  struct cgroup* cgroup;
};
struct socket;
struct sock {
  struct sock_common __sk_common;
  struct socket* sk_socket;
  uint16_t sk_protocol;
  struct sock_cgroup_data sk_cgrp_data;
};
struct socket {
  struct sock* sk;
};
struct request_sock {
  struct sock_common __req_common;
};
struct tcp_sock {
  uint32_t total_retrans;
};
struct tcp_skb_cb {
  uint16_t tcp_gso_segs;
};
struct sk_buff {
  char cb[48];
};
struct file;
struct bpf_iter__task_file {
  struct task_struct* task;
  struct file* file;
};
#pragma clang attribute pop

// Set before it is loaded: our network namespace, by its number.
const volatile uint32_t our_network;

struct SharedWithKernel shared;

// By RetransmitRecord: segments.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, kRecords);
  __type(key, struct RetransmitRecord);
  __type(value, uint64_t);
} retransmits SEC(".maps");

// By number. Those that nobody asked for in a long time make room.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, kCgroups);
  __type(key, uint64_t);
  __type(value, struct CgroupRecord);
} cgroups SEC(".maps");

struct Owner {
  // Whose record this is: another's, if a connection has it from its listener; 0: nobody's yet.
  uint64_t socket;
  uint64_t cgroup;
  char process[kProcessNameSize];
  uint32_t certain;  // false of who began to listen, who may do so for others
  uint32_t has_counted;
  uint32_t counted;  // up to here, of tcp_sock::total_retrans
};

// Goes with the socket. What a listener accepts begins with a copy of the listener's.
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
  __type(key, int);
  __type(value, struct Owner);
} owners SEC(".maps");

// Keeps the names from a cgroup to the root, and returns its number.
static uint64_t note_cgroup(const struct cgroup* cgroup) {
  const struct kernfs_node* node = BPF_CORE_READ(cgroup, kn);
  const uint64_t number = BPF_CORE_READ(node, id);
  for (int depth = 0; depth < kCgroupDepth && node; ++depth) {
    const struct kernfs_node* parent = NULL;
    if (bpf_core_field_exists(node->__parent)) {
      parent = BPF_CORE_READ(node, __parent);
    } else {
      parent = BPF_CORE_READ((const struct kernfs_node___before_6_15*)node, parent);
    }
    const uint64_t id = BPF_CORE_READ(node, id);
    if (!bpf_map_lookup_elem(&cgroups, &id)) {
      struct CgroupRecord record = {.parent = BPF_CORE_READ(parent, id)};  // of none, 0
      bpf_probe_read_kernel_str(record.name, sizeof record.name, BPF_CORE_READ(node, name));
      bpf_map_update_elem(&cgroups, &id, &record, BPF_ANY);
    }
    node = parent;
  }
  return number;
}

static bool is_our_tcp(const struct sock* sk) {
  return sk->sk_protocol == kTcp && sk->__sk_common.skc_net.net->ns.inum == our_network;
}

// Nothing if there is no memory.
static struct Owner* owner_of(struct sock* sk) {
  return bpf_sk_storage_get(&owners, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
}

static void set_owner(struct Owner* owner, const struct sock* sk, struct task_struct* task,
                      bool certain) {
  owner->socket = (uint64_t)sk;
  owner->certain = certain;
  owner->cgroup = note_cgroup(BPF_CORE_READ(task, cgroups, dfl_cgrp));
  BPF_CORE_READ_INTO(&owner->process, task, group_leader, comm);
}

// What the kernel sent again on this socket since it was last counted; `otherwise`, if its number
// of then is not known.
static uint32_t take_uncounted(struct Owner* owner, const struct sock* sk, uint32_t otherwise) {
  const uint32_t total = BPF_CORE_READ((const struct tcp_sock*)sk, total_retrans);
  const bool known = owner->has_counted && owner->counted <= total;
  const uint32_t segments = known ? total - owner->counted : otherwise;
  owner->counted = total;
  return segments;
}

// For each file of each task: sockets that were there before us, or were accepted. Who connected
// stays the owner; a listener is handed over, by systemd for one, to who holds it last.
SEC("iter/task_file")
int socket_held(struct bpf_iter__task_file* context) {
  struct task_struct* task = context->task;
  struct file* file = context->file;
  if (!task || !file) return 0;
  struct socket* socket = bpf_sock_from_file(file);
  if (!socket) return 0;
  struct sock* sk = socket->sk;
  if (!sk || !is_our_tcp(sk)) return 0;
  struct Owner* owner = owner_of(sk);
  if (!owner) return 0;
  if (owner->socket == (uint64_t)sk && sk->__sk_common.skc_state != kListen) return 0;
  set_owner(owner, sk, task, true);
  return 0;
}

// `ends`: the socket's own addresses, or those of a connection that has no socket yet.
static void count(struct sock* sk, const struct Owner* owner, const struct sock_common* ends,
                  uint32_t state, uint64_t segments) {
  struct RetransmitRecord record = {.state = state, .turn = shared.turn};
  if (BPF_CORE_READ(ends, skc_family) == kIpv4) {
    const __be32 address = BPF_CORE_READ(ends, skc_daddr);
    record.peer[10] = record.peer[11] = 0xff;
    __builtin_memcpy(record.peer + 12, &address, sizeof address);
  } else {
    BPF_CORE_READ_INTO(&record.peer, ends, skc_v6_daddr);
  }
  if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup)) {
    record.cgroup = note_cgroup(sk->sk_cgrp_data.cgroup);
  }
  // Without a file nobody holds it any more, or nobody accepted it yet.
  bool unresolved = sk->sk_socket && (!owner || owner->socket != (uint64_t)sk);
  if (owner && owner->socket) {
    record.cgroup = owner->cgroup;
    __builtin_memcpy(record.process, owner->process, sizeof record.process);
    unresolved = unresolved || !owner->certain;
  }
  if (unresolved) shared.unresolved = 1;

  uint64_t* counted = bpf_map_lookup_elem(&retransmits, &record);
  if (!counted) {
    const long status = bpf_map_update_elem(&retransmits, &record, &segments, BPF_NOEXIST);
    if (!status) return;
    if (status == -EEXIST) counted = bpf_map_lookup_elem(&retransmits, &record);
  }
  __sync_fetch_and_add(counted ? counted : &shared.missed, segments);
}

// Tail loss probes that repeat something are among these. The kernel keeps their number for each
// socket, a super-packet being as many as the card makes of it. Should it pass over one of our
// events, as where an interrupt sends again while the program runs for a process, the socket's next
// event makes up for it.
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(segment_sent_again, struct sock* sk, struct sk_buff* skb) {
  if (!is_our_tcp(sk)) return 0;
  const struct tcp_skb_cb* control = (const struct tcp_skb_cb*)skb->cb;
  uint32_t segments = BPF_CORE_READ(control, tcp_gso_segs);
  struct Owner* owner = owner_of(sk);
  if (owner) {
    segments = take_uncounted(owner, sk, segments);
    owner->has_counted = true;
  }
  if (segments) count(sk, owner, &sk->__sk_common, sk->__sk_common.skc_state, segments);
  return 0;
}

// Who connects or listens does so in a system call of its own.
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_changes, struct sock* sk, int old_state, int new_state) {
  if (!is_our_tcp(sk)) return 0;
  if (new_state == kSynSent || new_state == kListen) {
    struct Owner* owner = owner_of(sk);
    if (!owner) return 0;
    set_owner(owner, sk, bpf_get_current_task_btf(), new_state == kSynSent);
    owner->counted = 0;
    owner->has_counted = new_state == kSynSent;
    return 0;
  }
  struct Owner* owner = bpf_sk_storage_get(&owners, sk, NULL, 0);
  if (!owner) return 0;
  const uint32_t segments = take_uncounted(owner, sk, 0);
  if (segments) count(sk, owner, &sk->__sk_common, old_state, segments);
  // What is accepted begins with the number of its SYN-ACKs, which have their own event.
  if (new_state == kEstablished) owner->has_counted = true;
  return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(syn_ack_sent_again, struct sock* sk, struct request_sock* request) {
  if (!is_our_tcp(sk)) return 0;
  count(sk, owner_of(sk), &request->__req_common, kSynReceived, 1);
  return 0;
}

// Of this file's two, the one under which the kernel lends its functions.
char licence[] SEC("license") = "GPL";

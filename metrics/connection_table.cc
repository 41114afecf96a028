#include "metrics/connection_table.h"

#include <sys/socket.h>

#include <utility>

namespace lossgazer {

bool ConnectionTable::admit(int descriptor, std::string client, TimePoint now) {
  const std::lock_guard lock(mutex_);
  // Closed without a word, where memory was short.
  erase(descriptor);
  if (connections_.size() >= limits_.all) return false;
  const auto known = clients_.find(client);
  if (known != clients_.end() && known->second >= limits_.per_client) return false;
  ++clients_[client];
  connections_[descriptor] = {std::move(client), now + limits_.request};
  return true;
}

void ConnectionTable::request_came(int descriptor, TimePoint now) {
  set_deadline(descriptor, now + limits_.answer);
}

void ConnectionTable::answer_sent(int descriptor, TimePoint now) {
  set_deadline(descriptor, now + limits_.request);
}

void ConnectionTable::remove(int descriptor) {
  const std::lock_guard lock(mutex_);
  erase(descriptor);
}

void ConnectionTable::expire(TimePoint now) {
  const std::lock_guard lock(mutex_);
  for (const auto& [descriptor, connection] : connections_) {
    if (connection.deadline <= now) shutdown(descriptor, SHUT_RDWR);
  }
}

void ConnectionTable::set_deadline(int descriptor, TimePoint deadline) {
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(descriptor);
  if (found != connections_.end()) found->second.deadline = deadline;
}

void ConnectionTable::erase(int descriptor) {
  const auto found = connections_.find(descriptor);
  if (found == connections_.end()) return;
  const auto client = clients_.find(found->second.client);
  if (--client->second == 0) clients_.erase(client);
  connections_.erase(found);
}

}  // namespace lossgazer

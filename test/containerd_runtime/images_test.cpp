#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "test/containerd_runtime/image_node.hpp"

/// Images that are there, and images that have to be pulled.
namespace podsandbox::test {

using grpc::Status;
using grpc::StatusCode;
using Pulls = FakeImageServices::Pulls;
using Strings = std::vector<std::string>;

namespace {

const std::string pause_name = "registry.k8s.io/pause:3.10";

void check_image(const ImageNode::Got& got, const std::string& who) {
  BOOST_TEST_REQUIRE(got.has_value(), got.error().message);
  BOOST_TEST_REQUIRE(got->content != nullptr);
  BOOST_TEST(got->content->config.entrypoint == Strings{"/" + who});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(images)

// -- those that are there --------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_next_pod_costs_one_call) {
  ImageNode node;
  node.fake.put_image(pause_name, node.make("pause"));
  const auto got = node.get(pause_name).get();
  check_image(got, "pause");
  BOOST_TEST(got->name == pause_name);
  BOOST_TEST(got->content->layers.size() == 2U);
  BOOST_TEST(node.fake.count("Read") == 3U);
  check_image(node.get(pause_name).get(), "pause");
  BOOST_TEST(node.fake.count("Read") == 3U);
  BOOST_TEST(node.fake.count("Images.Get") == 2U);
  BOOST_TEST(node.fake.count("PullImage") == 0U);
}

BOOST_AUTO_TEST_CASE(a_name_is_normalised) {
  ImageNode node;
  node.fake.put_image("docker.io/library/pause:latest", node.make("pause"));
  const auto got = node.get("pause").get();
  check_image(got, "pause");
  BOOST_TEST(got->name == "docker.io/library/pause:latest");
}

/// A tag may come to mean another image.
BOOST_AUTO_TEST_CASE(what_a_name_means_is_asked_each_time) {
  ImageNode node;
  node.fake.put_image(pause_name, node.make("old"));
  check_image(node.get(pause_name).get(), "old");
  node.fake.put_image(pause_name, node.make("new"));
  check_image(node.get(pause_name).get(), "new");
  BOOST_TEST(node.fake.count("Read") == 6U);
}

BOOST_AUTO_TEST_CASE(many_pods_read_it_once) {
  ImageNode node;
  node.fake.put_image(pause_name, node.make("pause"));
  node.fake.hold("Read");
  std::vector<Promised<ImageNode::Got>> pods;
  pods.reserve(10);
  for (int n = 0; n < 10; ++n) pods.push_back(node.get(pause_name));
  node.fake.await("Images.Get", 10);
  node.fake.await("Read", 1);
  node.fake.let_go("Read");
  for (auto& pod : pods) check_image(pod.get(), "pause");
  BOOST_TEST(node.fake.count("Read") == 3U);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_and_not_kept) {
  ImageNode node;
  const auto target = node.make("pause");
  node.fake.put_image(pause_name, target);
  node.fake.put_blob(target.digest(), std::string(static_cast<std::size_t>(target.size()), 'x'));
  check_failure(node.get(pause_name).get(), ErrorKind::failed_precondition,
                {pause_name, "its index", "digest"});
  node.make("pause");
  check_image(node.get(pause_name).get(), "pause");
  BOOST_TEST(node.fake.count("PullImage") == 0U);
}

BOOST_AUTO_TEST_CASE(a_containerd_in_trouble_is_no_missing_image) {
  for (const auto* const call : {"Images.Get", "Read"}) {
    for (const auto& [code, kind] : {std::pair{StatusCode::UNAVAILABLE, ErrorKind::unavailable},
                                     {StatusCode::INTERNAL, ErrorKind::internal}}) {
      ImageNode node;
      node.fake.put_image(pause_name, node.make("pause"));
      node.fake.answer(call, Status(code, "oh dear"));
      check_failure(node.get(pause_name).get(), kind, {pause_name, "containerd", "oh dear"});
      BOOST_TEST(node.fake.count("PullImage") == 0U);
      node.fake.answer(call, Status::OK);
      check_image(node.get(pause_name).get(), "pause");
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_name) {
  ImageNode node;
  check_failure(node.get("Pause").get(), ErrorKind::failed_precondition, {"'Pause'", "capital"});
  BOOST_TEST(node.fake.count("Images.Get") == 0U);
}

// -- those that are not ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(one_that_is_not_there_is_pulled_through_cri) {
  ImageNode node;
  node.fake.put_remote("docker.io/library/pause:3", node.make("pause"));
  check_image(node.get("pause:3").get(), "pause");
  BOOST_TEST(node.fake.pulled() == Strings{"docker.io/library/pause:3"});
  BOOST_TEST(node.fake.count("PullImage") == 1U);
  BOOST_TEST_REQUIRE(node.fake.patience("PullImage").size() == 1U);
  BOOST_TEST(node.fake.patience("PullImage")[0] > 550);  // not that of other calls
  BOOST_TEST(node.fake.patience("Images.Get")[0] <= 20);
  BOOST_TEST(node.told("does not have the image docker.io/library/pause:3: it is pulled") == 1U);
  BOOST_TEST(node.told("the image docker.io/library/pause:3 was pulled in 0.") == 1U);
}

BOOST_AUTO_TEST_CASE(without_cri_the_transfer_service_pulls) {
  ImageNode node(Pulls::by_transfer);
  node.fake.put_remote(pause_name, node.make("pause"));
  check_image(node.get(pause_name).get(), "pause");
  BOOST_TEST(node.fake.pulled() == Strings{pause_name});
  BOOST_TEST(node.fake.patience("Transfer")[0] > 550);
}

BOOST_AUTO_TEST_CASE(without_either_it_is_told_what_to_do) {
  ImageNode node(Pulls::never);
  check_failure(node.get(pause_name).get(), ErrorKind::failed_precondition,
                {"no image " + pause_name, "pulls none", "`ctr -n k8s.io images pull " + pause_name + "`"});
}

BOOST_AUTO_TEST_CASE(a_pull_that_fails_is_tried_again_by_the_next_pod) {
  for (const auto pulls : {Pulls::by_cri, Pulls::by_transfer}) {
    ImageNode node(pulls);
    check_failure(
        node.get(pause_name).get(), ErrorKind::failed_precondition,
        {"pulling the image " + pause_name, "no such image in the registry", "configure another one"});
    BOOST_TEST(node.told("failed after 0.") == 1U);
    node.fake.put_remote(pause_name, node.make("pause"));
    check_image(node.get(pause_name).get(), "pause");
    BOOST_TEST(node.fake.pulled().size() == 2U);
  }
}

BOOST_AUTO_TEST_CASE(an_id_cannot_be_pulled) {
  ImageNode node;
  const auto id = containerd_runtime::sha256_digest("config");
  check_failure(node.get(id).get(), ErrorKind::failed_precondition, {id, "configure its name"});
  BOOST_TEST(node.fake.count("PullImage") == 0U);
  node.fake.put_image(id, node.make("pause"));
  check_image(node.get(id).get(), "pause");
}

/// As when it was pulled for another platform.
BOOST_AUTO_TEST_CASE(one_of_which_a_part_is_missing_is_pulled) {
  ImageNode node;
  const auto target = node.make("pause");
  node.fake.put_image(pause_name, target);
  node.fake.put_remote(pause_name, target);
  node.fake.remove_blob(target.digest());
  check_failure(node.get(pause_name).get(), ErrorKind::failed_precondition,
                {pause_name, "does not have all of it"});
  BOOST_TEST(node.fake.count("PullImage") == 1U);
  node.make("pause");
  check_image(node.get(pause_name).get(), "pause");
  BOOST_TEST(node.fake.count("PullImage") == 1U);
}

BOOST_AUTO_TEST_CASE(many_pods_share_a_pull_and_one_that_gives_up_ends_nothing) {
  ImageNode node;
  node.fake.put_remote(pause_name, node.make("pause"));
  node.fake.hold("PullImage");
  auto first = node.get(pause_name, node.pod);
  node.fake.await("PullImage", 1);
  std::vector<Promised<ImageNode::Got>> pods;
  pods.reserve(10);
  for (int n = 0; n < 10; ++n) pods.push_back(node.get(pause_name));
  node.fake.await("Images.Get", 12);
  node.run([&] { node.pod.drop_all(); });
  node.fake.let_go("PullImage");
  for (auto& pod : pods) check_image(pod.get(), "pause");
  BOOST_TEST(node.fake.count("PullImage") == 1U);
  BOOST_CHECK_THROW(first.get(), std::future_error);  // it was dropped
}

/// The pull is not the pod's: it goes on to its end, and the next one has it.
BOOST_AUTO_TEST_CASE(a_pull_outlives_all_who_wait_for_it) {
  ImageNode node;
  node.fake.put_remote(pause_name, node.make("pause"));
  node.fake.hold("PullImage");
  const auto dropped = node.get(pause_name, node.pod);
  node.fake.await("PullImage", 1);
  node.run([&] { node.pod.drop_all(); });
  auto next = node.get(pause_name);
  node.fake.await("Images.Get", 3);
  node.fake.let_go("PullImage");
  check_image(next.get(), "pause");
  BOOST_TEST(node.fake.count("PullImage") == 1U);
}

BOOST_AUTO_TEST_CASE(two_images_are_pulled_at_the_same_time) {
  ImageNode node;
  node.fake.put_remote("docker.io/library/a:1", node.make("a"));
  node.fake.put_remote("docker.io/library/b:1", node.make("b"));
  node.fake.hold("PullImage");
  auto a = node.get("a:1");
  auto b = node.get("b:1");
  node.fake.await("PullImage", 2);
  node.fake.let_go("PullImage");
  check_image(a.get(), "a");
  check_image(b.get(), "b");
}

BOOST_AUTO_TEST_CASE(it_may_end_in_the_middle_of_a_pull) {
  ImageNode node;
  node.fake.hold("PullImage");
  const auto pod = node.get(pause_name);
  node.fake.await("PullImage", 1);
  BOOST_TEST(!pod.is_there());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
